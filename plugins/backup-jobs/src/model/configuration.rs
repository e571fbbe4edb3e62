//! What a job does, out of a configuration that has another shape for every kind of job: what is common to
//! them, found wherever it may stand. The rest is left to whoever asks for the whole.

use toolward_sdk::prelude::*;

use super::schedule::Schedule;

/// More objects than these are only counted.
const MOST_OBJECTS: usize = 50;

/// What a job does.
#[answer]
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// What its author wrote about it.
    pub(crate) description: Option<String>,
    /// Whether it goes before others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) high_priority: bool,
    /// What it protects or copies; the first fifty.
    pub(crate) objects: Vec<Object>,
    /// How many more objects there are.
    pub(crate) objects_left_out: Option<usize>,
    /// The id of the repository that it writes to.
    pub(crate) repository_id: Option<String>,
    /// How long backups are kept, such as `7 days` or `14 restorepoints`.
    pub(crate) retention: Option<String>,
    /// How it backs up, such as `incremental` or `entirecomputer`.
    pub(crate) mode: Option<String>,
    /// Whether applications are brought to a consistent state.
    pub(crate) application_aware: Option<bool>,
    /// When it runs by itself.
    pub(crate) schedule: Schedule,
}

/// A machine, share, job or other thing that a job works on.
#[answer]
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Object {
    /// Its name.
    pub(crate) name: String,
    /// What it is, such as `VirtualMachine`.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Where it runs.
    pub(crate) host: Option<String>,
    /// How large it is.
    pub(crate) size: Option<String>,
}

/// Where the kinds of jobs keep what they work on.
const OBJECTS: [&str; 6] = [
    "/virtualMachines/includes",
    "/computers",
    "/sourceObjects/includes/jobs",
    "/sourceObjects/includes/backups",
    "/sourceObjects/includes/repositories",
    "/objects",
];

/// The job itself keeps some of it where others have a part for it.
const STORAGES: [&str; 3] = ["/storage", "/target", ""];

impl Configuration {
    pub(crate) fn of(job: &Value) -> Self {
        let mut objects = objects(job);
        let left_out = objects.len().saturating_sub(MOST_OBJECTS);
        objects.truncate(MOST_OBJECTS);
        let stored = |name: &str| {
            let places = STORAGES.iter();
            places
                .map(|place| format!("{place}/{name}"))
                .find_map(|place| job.pointer(&place))
        };
        let mode = [
            "/storage/advancedSettings/backupModeType",
            "/backupMode",
            "/mode",
        ];
        let aware = job.pointer("/guestProcessing/appAwareProcessing/isEnabled");
        Self {
            description: text(&job["description"]),
            high_priority: job["isHighPriority"] == true,
            objects,
            objects_left_out: (left_out > 0).then_some(left_out),
            repository_id: stored("backupRepositoryId").and_then(text),
            retention: stored("retentionPolicy").and_then(retention),
            mode: mode
                .iter()
                .find_map(|place| text(job.pointer(place)?))
                .map(|mode| mode.to_ascii_lowercase()),
            application_aware: aware.and_then(Value::as_bool),
            schedule: Schedule::of(&job["schedule"]),
        }
    }
}

/// Everything that a job works on.
pub(crate) fn objects(job: &Value) -> Vec<Object> {
    OBJECTS
        .iter()
        .filter_map(|place| job.pointer(place)?.as_array())
        .flatten()
        .filter_map(object)
        .collect()
}

/// Flat, or with the thing itself one level deeper and its size beside it: the API does both.
fn object(entry: &Value) -> Option<Object> {
    let inner = match &entry["inventoryObject"] {
        Value::Null => entry,
        inner => inner,
    };
    let name = ["name", "path", "id"]
        .iter()
        .find_map(|field| text(&inner[*field]))?;
    Some(Object {
        name,
        kind: text(&inner["type"]),
        host: text(&inner["hostName"]),
        size: text(&entry["size"]).or_else(|| text(&inner["size"])),
    })
}

fn retention(policy: &Value) -> Option<String> {
    let quantity = policy["quantity"].as_i64()?;
    let kind = text(&policy["type"])?.to_ascii_lowercase();
    Some(format!("{quantity} {kind}"))
}

fn text(value: &Value) -> Option<String> {
    vbr::read::text_of(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_found_in_either_shape() {
        let flat = json!({ "platform": "VMware", "type": "VirtualMachine", "hostName": "vc", "name": "a", "size": "4 GB" });
        let nested = json!({
            "inventoryObject": { "type": "VirtualMachine", "hostName": "vc", "name": "a" }, "size": "4 GB",
        });
        assert_eq!(object(&flat), object(&nested));
        assert_eq!(object(&flat).unwrap().size.as_deref(), Some("4 GB"));
    }

    #[test]
    fn every_kind_of_job_tells_where_and_how_long_it_keeps_what() {
        for job in [
            json!({ "storage": { "backupRepositoryId": "r", "retentionPolicy": { "type": "Days", "quantity": 7 } } }),
            json!({ "target": { "backupRepositoryId": "r", "retentionPolicy": { "type": "Days", "quantity": 7 } } }),
            json!({ "backupRepositoryId": "r", "retentionPolicy": { "type": "Days", "quantity": 7 } }),
        ] {
            let configuration = Configuration::of(&job);
            assert_eq!(configuration.repository_id.as_deref(), Some("r"), "{job}");
            assert_eq!(configuration.retention.as_deref(), Some("7 days"), "{job}");
        }
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        let machines: Vec<Value> = (0..60)
            .map(|number| json!({ "name": format!("srv{number}") }))
            .collect();
        let configuration = Configuration::of(&json!({ "computers": machines }));
        assert_eq!(
            (configuration.objects.len(), configuration.objects_left_out),
            (50, Some(10))
        );
    }

    #[test]
    fn a_configuration_of_nothing_we_know_is_not_an_error() {
        let configuration =
            Configuration::of(&json!({ "storage": 7, "schedule": [], "virtualMachines": null }));
        assert_eq!(
            serde_json::to_value(configuration).unwrap(),
            json!({ "objects": [], "schedule": { "automatic": false, "words": "never by itself" } })
        );
    }
}
