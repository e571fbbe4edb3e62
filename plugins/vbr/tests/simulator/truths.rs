//! What each answer has to say: held against what the simulator is made of, tool by tool, at every revision.

use serde_json::{Value, json};
use vbr_simulator::Revision;

use crate::support::Server;

/// The jobs that every round of sixteen has, by what is special about them; see [`vbr_simulator::Simulator::jobs`].
const GOOD: usize = 0;
const FAILED: usize = 1;
const COPIES: [usize; 3] = [3, 8, 15];
const FILE_COPY: usize = 8;
const RUNNING: usize = 4;
const DISABLED: usize = 7;
/// Of a kind that came with the second revision of 1.3.
const CLOUD: usize = 10;
/// Of kinds that only 1.3 lists.
const ONLY_1_3: [usize; 6] = [2, 3, 5, 10, 12, 15];

/// The answer of a tool to one of the table's rows.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) server: &'a Server,
    pub(crate) revision: Revision,
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Value,
    pub(crate) answer: &'a Value,
}

impl Told<'_> {
    /// Fails where the answer does not say what is so.
    #[track_caller]
    pub(crate) fn is_true(self) {
        match self.tool {
            "backup_jobs_list" => self.jobs(),
            "repositories_list"
            | "repositories_below"
            | "repositories_scale_out"
            | "repositories_proxies"
            | "repositories_managed_servers" => self.estate(),
            tool if tool.starts_with("backup_jobs_") => self.job(),
            tool if tool.starts_with("sessions_") => self.sessions(),
            tool if tool.starts_with("repositories_") => self.backups(),
            tool => panic!("nobody says what is true of {tool}"),
        }
    }

    #[track_caller]
    fn that(self, holds: bool) {
        let Self {
            revision,
            tool,
            arguments,
            answer,
            ..
        } = self;
        assert!(holds, "{tool} {arguments} at {revision}: {answer}");
    }

    fn name(self, number: usize) -> String {
        self.server.simulator.jobs()[number].1.clone()
    }

    fn id(self, number: usize) -> String {
        self.server.simulator.jobs()[number].0.to_string()
    }

    fn is_1_3(self) -> bool {
        self.revision >= Revision::V1_3Rev0
    }

    /// A property of everything in a list.
    #[track_caller]
    fn all(self, list: &str, property: &str) -> Vec<String> {
        let Some(list) = self.answer[list].as_array() else {
            panic!("{}: {}", self.tool, self.answer);
        };
        let texts = list.iter().map(|one| one[property].as_str());
        texts
            .map(|text| text.unwrap_or_default().to_owned())
            .collect()
    }

    /// Whether a list has something, and all of it has this value.
    #[track_caller]
    fn only(self, list: &str, property: &str, value: &str) -> bool {
        let all = self.all(list, property);
        !all.is_empty() && all.iter().all(|one| one == value)
    }

    #[track_caller]
    fn jobs(self) {
        let names = self.all("jobs", "name");
        let known = self.server.simulator.jobs();
        let ids = self.all("jobs", "id");
        for pair in ids.iter().zip(&names) {
            let is_known = |(id, name): &(_, String)| (&ToString::to_string(id), name) == pair;
            self.that(known.iter().any(is_known));
        }
        let argument = |name: &str| self.arguments[name].as_str();
        if let Some(result) = argument("last_result").filter(|_| !names.is_empty()) {
            self.that(self.only("jobs", "last_result", result));
        }
        match (argument("status"), argument("name"), argument("type")) {
            (Some("running"), ..) => self.that(names == [self.name(RUNNING)]),
            (Some("disabled"), ..) => self.that(names == [self.name(DISABLED)]),
            (Some("starting"), ..) => self.that(names.is_empty()),
            (_, Some("бухгалтерия"), _) => self.that(names == [self.name(FAILED)]),
            (_, Some(_), _) => self.that(names.is_empty()),
            (_, _, Some("BackupCopy")) => {
                self.that(names.len() == 2 && names.contains(&self.name(COPIES[0])));
            }
            _ if self.arguments == &json!({}) => {
                let is_listed = |number: usize| match number {
                    CLOUD => self.revision >= Revision::V1_3Rev1,
                    _ => self.is_1_3(),
                };
                let as_expected =
                    |number: &usize| names.contains(&self.name(*number)) == is_listed(*number);
                self.that(ONLY_1_3.iter().all(as_expected) && names.contains(&self.name(GOOD)));
                self.that(self.answer["total"] == names.len());
            }
            _ if self.arguments["configuration"] == true => {
                let jobs = self.answer["jobs"].as_array();
                let mut jobs = jobs.into_iter().flatten();
                self.that(names.len() == 3 && jobs.any(|job| job["configuration"].is_object()));
            }
            _ => {}
        }
    }

    #[track_caller]
    fn job(self) {
        let answer = self.answer;
        match self.tool {
            "backup_jobs_get" => {
                self.that(answer["id"] == self.id(FAILED));
                self.that(answer["state"]["name"] == self.name(FAILED));
                self.that(answer["state"]["last_result"] == "failed");
                self.that(self.only("runs", "job_id", &self.id(FAILED)));
                self.that(answer["runs"][0]["result"] == "failed");
                let runs = self.arguments["runs"].as_u64().unwrap_or(5);
                self.that(self.all("runs", "name").len() as u64 <= runs);
                let whole = &answer["whole_configuration"]["name"];
                self.that((whole == &self.name(FAILED)) == whole.is_string());
                self.that(whole.is_string() == (self.arguments["whole_configuration"] == true));
            }
            "backup_jobs_why" => {
                self.that(answer["job_id"] == self.id(FAILED));
                self.that(answer["run"]["result"] == "failed");
                self.that(answer["problems_in_all"].as_u64() > Some(0));
            }
            "backup_jobs_running" => {
                self.that(self.all("jobs", "name") == [self.name(RUNNING)]);
                self.that(answer["jobs"][0]["status"] == "running" && answer["total"] == 1);
            }
            "backup_jobs_next" => {
                let jobs = self.all("runs", "job_id");
                self.that(!jobs.is_empty() && !jobs.contains(&self.id(DISABLED)));
                let runs = answer["runs"].as_array().into_iter().flatten();
                let at: Vec<_> = runs.map(|run| run["next_run"]["at"].as_str()).collect();
                self.that(at.is_sorted() && at.iter().all(Option::is_some));
            }
            "backup_jobs_schedule" => {
                self.that(answer["job_name"] == self.name(FAILED));
                self.that(answer["schedule"].is_object() && answer["next_run"]["at"].is_string());
            }
            "backup_jobs_objects" => {
                self.that(answer["job_id"] == self.id(FAILED));
                self.that(self.all("objects", "name").len() == 1);
                self.that(self.all("objects", "name")[0].starts_with("srv"));
            }
            "backup_jobs_copies" => {
                let names = self.all("jobs", "name");
                if self.is_1_3() {
                    let mut copies: Vec<String> = COPIES.map(|number| self.name(number)).into();
                    copies.sort();
                    let mut names = names;
                    names.sort();
                    self.that(names == copies && answer.get("note").is_none());
                } else {
                    let is_file_copy = |name: &String| *name == self.name(FILE_COPY);
                    self.that(names.iter().all(is_file_copy) && answer["note"].is_string());
                }
            }
            tool => panic!("nobody says what is true of {tool}"),
        }
    }

    #[track_caller]
    fn sessions(self) {
        let results = self.all("sessions", "result");
        match self.tool {
            "sessions_list" if self.arguments["name"].is_string() => {
                self.that(results.is_empty());
            }
            "sessions_list" if self.arguments["job"].is_string() => {
                self.that(self.only("sessions", "job_id", &self.id(FAILED)));
                self.that(self.only("sessions", "result", "failed"));
                self.that(self.only("sessions", "state", "stopped"));
            }
            "sessions_list" => {
                let begun: Vec<_> = self.answer["sessions"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|session| session["started"]["at"].as_str())
                    .collect();
                // The newest first; all in the zone of one server.
                self.that(!begun.is_empty() && begun.iter().rev().is_sorted());
                self.that(self.answer["total"].as_u64() >= Some(begun.len() as u64));
            }
            "sessions_running" => {
                let jobs = self.all("sessions", "job_id");
                self.that(jobs.contains(&self.id(RUNNING)));
                let states = self.all("sessions", "state");
                self.that(states.iter().all(|state| state != "stopped"));
            }
            "sessions_failed" => {
                let jobs = self.all("sessions", "job_id");
                self.that(jobs.contains(&self.id(FAILED)));
                let is_bad = |result: &String| ["failed", "warning"].contains(&result.as_str());
                self.that(results.iter().all(is_bad));
            }
            "sessions_restores" => {
                let mut types = self.all("sessions", "type");
                types.sort();
                self.that(types == ["FileLevelRestore", "RestoreVm"]);
                self.that(self.answer["sessions"][0]["type"] == "RestoreVm");
            }
            tool => panic!("nobody says what is true of {tool}"),
        }
    }

    #[track_caller]
    fn estate(self) {
        let answer = self.answer;
        match self.tool {
            "repositories_list" => {
                let names = self.all("repositories", "name");
                if self.arguments["name"].is_string() {
                    self.that(names == ["Хранилище-02"]);
                    // Ten terabytes, of which six are free.
                    self.that(answer["repositories"][0]["capacity"]["text"] == "10.0 TB");
                    self.that(answer["repositories"][0]["free_percent"] == 60.0);
                } else if self.arguments["online"] == false {
                    self.that(names == ["Old NAS"]);
                } else {
                    self.that(names.len() >= 8 && answer["total"] == names.len());
                    let mut all = answer["repositories"].as_array().into_iter().flatten();
                    // Nobody knows how large an object store is.
                    let cold = all.find(|one| one["type"] == "S3Compatible");
                    self.that(cold.is_some_and(|cold| cold.get("capacity").is_none()));
                }
            }
            "repositories_below" => {
                self.that(answer["below"][0]["name"] == "Default Backup Repository");
                self.that(answer["below"][0]["urgency"] == "critical");
                self.that(answer["unreachable"] == json!([]));
            }
            "repositories_scale_out" => {
                self.that(self.all("repositories", "name") == ["Scale-out Übersee"]);
                let extents = answer["repositories"][0]["extents"].as_array();
                self.that(extents.is_some_and(|extents| extents.len() >= 2));
            }
            "repositories_proxies" => {
                let names = self.all("proxies", "name");
                self.that(!names.is_empty() && answer["total"] == names.len());
                let all = answer["proxies"].as_array();
                let mut all = all.into_iter().flatten();
                // One stands on a server that nobody reaches, which every revision tells in its own way.
                self.that(all.any(|proxy| proxy["online"] == false));
            }
            _ => {
                let mut names = self.all("servers", "name");
                names.sort();
                if self.arguments["unavailable"] == true {
                    self.that(names == ["proxy02.example"]);
                } else {
                    self.that(names == ["proxy02.example", "vbr01.example"]);
                    self.that(self.only("servers", "type", "WindowsHost"));
                }
            }
        }
    }

    #[track_caller]
    fn backups(self) {
        let answer = self.answer;
        let are_machines = |list: &str| {
            let names = self.all(list, "name");
            self.that(!names.is_empty() && names.iter().all(|name| name.contains("srv")));
            names.len()
        };
        match self.tool {
            "repositories_backups" if self.arguments["job"].is_string() => {
                self.that(self.only("backups", "job_id", &self.id(FAILED)));
            }
            "repositories_backups" => {
                let names = self.all("backups", "name");
                self.that(names.contains(&self.name(GOOD)) && answer["total"] == names.len());
            }
            "repositories_files" => {
                self.that(answer["backup"] == self.name(GOOD));
                let file = &answer["files"][0];
                // Percent of what remains, turned around.
                self.that(file["compression_factor"].as_f64() >= Some(1.0));
                self.that(file["on_disk"]["bytes"].as_u64() <= file["data"]["bytes"].as_u64());
            }
            "repositories_objects" => {
                let found = are_machines("objects");
                self.that(self.arguments["limit"].is_null() || found == 2);
            }
            "repositories_restore_points" => {
                are_machines("restore_points");
            }
            "repositories_license" => {
                self.that(answer["status"] == "valid" && answer["edition"] == "enterpriseplus");
                self.that(answer["usage"][0]["used"].as_f64() > Some(0.0));
            }
            "repositories_license_workloads" => {
                self.that(are_machines("workloads") == 2);
            }
            "repositories_server_info" => {
                self.that(self.all("servers", "server").len() == 1);
                let build = answer["servers"][0]["build"].as_str().unwrap_or_default();
                let served = vbr::Revision::of_build(build).map(vbr::Revision::as_str);
                // One build stands for two of them.
                let rev2 = self.revision == Revision::V1_1Rev2 && served == Some("1.1-rev1");
                self.that(rev2 || served == Some(self.revision.as_str()));
            }
            "repositories_config_backup" => {
                self.that(answer["enabled"] == true && answer["encrypted"] == false);
                self.that(answer["last_success"]["age"] == "11 hours ago");
            }
            "repositories_malware" => {
                self.that(self.only("events", "severity", "suspicious"));
                self.that(self.only("events", "state", "created"));
            }
            "repositories_best_practices" => {
                let status = self.all("practices", "status");
                let violations = status.iter().filter(|one| *one == "violation").count();
                self.that(violations > 0 && answer["violations"] == violations);
                self.that(answer["total"] == status.len());
            }
            tool => panic!("nobody says what is true of {tool}"),
        }
    }
}
