//! When a job runs by itself: only the parts that are switched on.

use toolward_sdk::prelude::*;

/// When a job runs by itself.
#[answer]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Schedule {
    /// The whole of it in words, such as `every day at 22:00; 3 more tries, 10 minutes apart`. Times are the server's
    /// local ones.
    pub(crate) words: String,
    /// Whether it runs by itself at all.
    pub(crate) automatic: bool,
    /// On days of the week.
    pub(crate) daily: Option<Daily>,
    /// On a day of the month.
    pub(crate) monthly: Option<Monthly>,
    /// Again and again, such as `every 4 hours`.
    pub(crate) every: Option<String>,
    /// All the time, or as soon as there is something to copy.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) continuously: bool,
    /// After this other job.
    pub(crate) after_job: Option<String>,
    /// How failed objects are tried again, such as `3 times, 10 minutes apart`.
    pub(crate) retries: Option<String>,
    /// It is stopped outside a window of hours.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_backup_window: bool,
}

/// On days of the week.
#[answer]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Daily {
    /// The server's local time.
    pub(crate) time: Option<String>,
    /// `everyday`, `weekdays`, or `selecteddays`.
    pub(crate) kind: Option<String>,
    /// Which days, where they are selected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) days: Vec<String>,
}

/// On a day of the month.
#[answer]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Monthly {
    /// The server's local time.
    pub(crate) time: Option<String>,
    /// Which day, such as `fourth saturday`, `day 15` or `last day`.
    pub(crate) day: String,
    /// Which months, where it is not all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) months: Vec<String>,
}

impl Schedule {
    /// Of any kind of job: copy jobs say it in other words than the rest.
    pub(crate) fn of(schedule: &Value) -> Self {
        let part = |name: &str| {
            let part = &schedule[name];
            (part["isEnabled"] == true).then_some(part)
        };
        // `Immediate` of a backup copy, `Continuous` of a file copy.
        let kind = schedule["type"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let immediate = matches!(kind.as_str(), "immediate" | "continuous");
        let continuously = immediate || part("continuously").is_some();
        let mut read = Self {
            words: String::new(),
            automatic: schedule["runAutomatically"]
                .as_bool()
                .unwrap_or(continuously),
            daily: part("daily").map(daily),
            monthly: part("monthly").map(monthly),
            every: part("periodically").and_then(every),
            continuously,
            after_job: part("afterThisJob")
                .and_then(|part| part["jobName"].as_str())
                .map(str::to_owned),
            retries: part("retry").and_then(retries),
            has_backup_window: part("backupWindow").is_some(),
        };
        read.words = read.in_words();
        read
    }

    fn in_words(&self) -> String {
        if !self.automatic {
            return "never by itself".to_owned();
        }
        let at = |time: &Option<String>| match time {
            Some(time) => format!(" at {time}"),
            None => String::new(),
        };
        let mut parts = Vec::new();
        if let Some(daily) = &self.daily {
            let days = match daily.kind.as_deref() {
                Some("weekdays") => "on weekdays".to_owned(),
                Some("selecteddays") => format!("every {}", daily.days.join(", ")),
                _ => "every day".to_owned(),
            };
            parts.push(format!("{days}{}", at(&daily.time)));
        }
        if let Some(monthly) = &self.monthly {
            let months = match monthly.months.as_slice() {
                [] => "every month".to_owned(),
                months => months.join(", "),
            };
            parts.push(format!("{} of {months}{}", monthly.day, at(&monthly.time)));
        }
        parts.extend(self.every.clone());
        if self.continuously {
            parts.push("all the time".to_owned());
        }
        parts.extend(
            self.after_job
                .as_ref()
                .map(|job| format!("after job {job}")),
        );
        if parts.is_empty() {
            parts.push("by itself, in a way that the API does not tell".to_owned());
        }
        let mut words = parts.join(" and ");
        if let Some(retries) = &self.retries {
            words = format!("{words}; tried again {retries}");
        }
        if self.has_backup_window {
            words.push_str("; only within its backup window");
        }
        words
    }
}

fn daily(part: &Value) -> Daily {
    let kind = word(&part["dailyKind"]);
    // The list of days is there whatever the kind, and then says nothing.
    let selected = kind.as_deref() == Some("selecteddays");
    Daily {
        time: text(&part["localTime"]),
        days: if selected {
            words(&part["days"])
        } else {
            Vec::new()
        },
        kind,
    }
}

fn monthly(part: &Value) -> Monthly {
    let number = word(&part["dayNumberInMonth"]);
    let day = match number.as_deref() {
        _ if part["isLastDayOfMonth"] == true => "last day".to_owned(),
        Some("onday") | None => match part["dayOfMonth"].as_i64() {
            Some(day) => format!("day {day}"),
            None => "a day".to_owned(),
        },
        Some(number) => format!("{number} {}", word(&part["dayOfWeek"]).unwrap_or_default()),
    };
    let months = words(&part["months"]);
    Monthly {
        time: text(&part["localTime"]),
        day: day.trim_end().to_owned(),
        months: if months.len() == 12 {
            Vec::new()
        } else {
            months
        },
    }
}

fn every(part: &Value) -> Option<String> {
    let unit = word(&part["periodicallyKind"])?;
    let frequency = part["frequency"].as_i64().unwrap_or(1);
    Some(format!("every {frequency} {unit}"))
}

fn retries(part: &Value) -> Option<String> {
    let count = part["retryCount"].as_i64()?;
    Some(match part["awaitMinutes"].as_i64() {
        Some(minutes) => format!("{count} times, {minutes} minutes apart"),
        None => format!("{count} times"),
    })
}

fn text(value: &Value) -> Option<String> {
    value
        .as_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn word(value: &Value) -> Option<String> {
    text(value).map(|text| text.to_ascii_lowercase())
}

fn words(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(word)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schedule: &Value, expected: &Value) {
        assert_eq!(
            serde_json::to_value(Schedule::of(schedule)).unwrap(),
            *expected,
            "{schedule}"
        );
    }

    #[test]
    fn only_what_is_switched_on_is_told() {
        check(
            &json!(null),
            &json!({ "automatic": false, "words": "never by itself" }),
        );
        check(
            &json!({
                "runAutomatically": true,
                "daily": { "isEnabled": true, "localTime": "22:00", "dailyKind": "Everyday", "days": ["Monday"] },
                "monthly": { "isEnabled": false, "localTime": "9:00" },
                "periodically": null,
                "afterThisJob": { "isEnabled": false, "jobName": null },
                "retry": { "isEnabled": true, "retryCount": 3, "awaitMinutes": 10 },
            }),
            &json!({
                "words": "every day at 22:00; tried again 3 times, 10 minutes apart",
                "automatic": true,
                "daily": { "time": "22:00", "kind": "everyday" },
                "retries": "3 times, 10 minutes apart",
            }),
        );
    }

    #[test]
    fn days_are_named_in_every_way_the_api_names_them() {
        check(
            &json!({ "runAutomatically": true, "daily": {
                "isEnabled": true, "localTime": "4:00", "dailyKind": "SelectedDays", "days": ["monday", "Friday"],
            } }),
            &json!({ "words": "every monday, friday at 4:00", "automatic": true, "daily": { "time": "4:00", "kind": "selecteddays", "days": ["monday", "friday"] } }),
        );
        let monthly = |part: Value| {
            let mut part = part;
            part["isEnabled"] = true.into();
            Schedule::of(&json!({ "monthly": part }))
                .monthly
                .unwrap()
                .day
        };
        assert_eq!(
            monthly(json!({ "dayNumberInMonth": "Fourth", "dayOfWeek": "Saturday" })),
            "fourth saturday"
        );
        assert_eq!(
            monthly(json!({ "dayNumberInMonth": "OnDay", "dayOfMonth": 15 })),
            "day 15"
        );
        assert_eq!(
            monthly(json!({ "dayNumberInMonth": "OnDay", "isLastDayOfMonth": true })),
            "last day"
        );
    }

    #[test]
    fn copy_jobs_run_continuously_or_after_others() {
        check(
            &json!({ "type": "Immediate", "scheduleMode": "Continuous" }),
            &json!({ "words": "all the time", "automatic": true, "continuously": true }),
        );
        check(
            &json!({
                "runAutomatically": true,
                "afterThisJob": { "isEnabled": true, "jobName": "SQL" },
                "periodically": { "isEnabled": true, "periodicallyKind": "Hours", "frequency": 4 },
            }),
            &json!({
                "words": "every 4 hours and after job SQL",
                "automatic": true,
                "after_job": "SQL",
                "every": "every 4 hours",
            }),
        );
    }
}
