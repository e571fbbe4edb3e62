//! The report for people.

use std::fmt::Write as _;

use crate::fairness::Fairness;
use crate::inside::INSIDE;
use crate::instructions::Instructions;
use crate::lists::Lists;
use crate::report::{Record, Report};
use crate::scale::Point;

/// From this share of its one core on, the generator may be what limits the calls per second.
const BUSY: f64 = 0.9;

/// Names and figures, in rows; the first one is the head.
pub(crate) type Table = Vec<Vec<String>>;

/// The whole text.
pub(crate) fn render(report: &Report) -> String {
    let mut text = head(report);
    for table in tables(report) {
        text.push('\n');
        text.push_str(&columns(&table));
    }
    text.push_str(NOTES);
    text
}

/// The tables, for a page.
pub(crate) fn markdown(report: &Report) -> String {
    let mut text = head(report);
    for table in tables(report) {
        for (index, row) in table.iter().enumerate() {
            let _ = write!(text, "\n| {} |", row.join(" | "));
            if index == 0 {
                let _ = write!(text, "\n|---{}|", "|--:".repeat(row.len() - 1));
            }
        }
        text.push_str("\n\n");
    }
    text
}

fn tables(report: &Report) -> Vec<Table> {
    let (calls, starts): (Vec<_>, Vec<_>) = report
        .records
        .iter()
        .partition(|record| record.calls_per_s.is_some());
    let (inside, starts): (Vec<_>, Vec<_>) = starts
        .into_iter()
        .partition(|record| record.name.starts_with(INSIDE));
    let mut tables = vec![
        calls_table(report, &calls),
        inside_table(report, &inside),
        starts_table(report, &starts),
    ];
    tables.push(growth_table(&report.scale));
    tables.push(fairness_table(&report.fairness));
    tables.extend(
        report
            .lists
            .as_ref()
            .map(|lists| lists_table(report, lists)),
    );
    tables.extend(report.instructions.as_ref().map(instructions_table));
    tables.push(ratios_table(report));
    tables.retain(|table| table.len() > 1);
    tables
}

fn head(report: &Report) -> String {
    let Report {
        build,
        processor,
        cores,
        rounds,
        turn_s,
        ..
    } = report;
    let mut text = format!(
        "{build} build, {cores} cores ({processor}), {rounds} × {turn_s} s each, interleaved\n"
    );
    if *build == "debug" {
        text.push_str("A DEBUG BUILD: these figures say nothing about a release build.\n");
    }
    if report.quick {
        text.push_str("QUICK: this shows that everything runs; the figures are mostly noise.\n");
    }
    let instructions = report.instructions.as_ref();
    if let Some(problem) = instructions.and_then(|counted| counted.problem.as_ref()) {
        let _ = writeln!(text, "Instructions: {problem}.");
    }
    if let Some(Lists { jobs, sessions, .. }) = &report.lists {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "Lists are those of a backup server with {jobs} jobs and {sessions} sessions."
        );
    }
    text
}

const NOTES: &str = "
p50 and so on are latencies in µs. × is the figure before it, divided by that of the native server of the official
SDK (rmcp) in this run; for ours-backend and inside-backend, by that of the same request without the host. CPU is the
measured process's own, user and system. generator: CPU time of the one thread that sends the calls, of one core; with
a `!`, it may be what limits the calls per second. The CPU of direct-backend is the generator's.
Starts: from the creation of the process to its first answered call.
Fairness: the p95 of a tenant that calls once at a time, alone and while another one floods the host; promised is twice
the quiet value, or 5 ms more.
Lists: × is relative to a program that sends the same requests itself and hands on what comes. Memory is the most
linear memory that the instance has had.
";

fn calls_table(report: &Report, records: &[&Record]) -> Table {
    let head = [
        "calls",
        "conns",
        "calls/s",
        "×",
        "p50",
        "×",
        "p95",
        "p99",
        "p99.9",
        "CPU µs/call",
        "×",
        "generator",
        "idle MiB",
        "end MiB",
        "errors",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for record in records {
        let share = record.generator_share;
        let busy = if share >= BUSY { "!" } else { "" };
        rows.push(vec![
            record.name.to_string(),
            record.connections.to_string(),
            format!("{:.0}", record.calls_per_s.unwrap_or_default()),
            ratio(report, record, "calls_per_s"),
            format!("{:.0}", record.p50_us),
            ratio(report, record, "p50"),
            format!("{:.0}", record.p95_us),
            format!("{:.0}", record.p99_us),
            format!("{:.0}", record.p999_us),
            format!("{:.1}", record.cpu_us_per_call),
            ratio(report, record, "cpu"),
            format!("{:.0} %{busy}", share * 100.0),
            record.idle_rss_bytes.map_or_else(String::new, mebibytes),
            record.rss_bytes.map_or_else(String::new, mebibytes),
            record.errors.to_string(),
        ]);
    }
    rows
}

fn inside_table(report: &Report, records: &[&Record]) -> Table {
    let head = [
        "without transports",
        "number",
        "p50 µs",
        "×",
        "p95 µs",
        "CPU µs",
        "×",
        "errors",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for record in records {
        rows.push(vec![
            record.name.to_string(),
            record.calls.to_string(),
            format!("{:.2}", record.p50_us),
            ratio(report, record, "p50"),
            format!("{:.2}", record.p95_us),
            format!("{:.2}", record.cpu_us_per_call),
            ratio(report, record, "cpu"),
            record.errors.to_string(),
        ]);
    }
    rows
}

fn starts_table(report: &Report, records: &[&Record]) -> Table {
    let head = [
        "starts", "number", "p50 ms", "×", "p95 ms", "CPU ms", "×", "MiB",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for record in records {
        rows.push(vec![
            record.name.to_string(),
            record.calls.to_string(),
            format!("{:.1}", record.p50_us / 1000.0),
            ratio(report, record, "p50"),
            format!("{:.1}", record.p95_us / 1000.0),
            format!("{:.1}", record.cpu_us_per_call / 1000.0),
            ratio(report, record, "cpu"),
            record.rss_bytes.map_or_else(String::new, mebibytes),
        ]);
    }
    rows
}

fn growth_table(points: &[Point]) -> Table {
    let head = ["growth", "number", "MiB", "KiB each"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for point in points {
        let each = point.rss_bytes_each;
        rows.push(vec![
            point.curve.to_owned(),
            point.size.to_string(),
            mebibytes(point.rss_bytes),
            each.map_or_else(String::new, |bytes| format!("{:.1}", bytes / 1024.0)),
        ]);
    }
    rows
}

fn fairness_table(all: &[Fairness]) -> Table {
    let head = [
        "fairness",
        "flooding",
        "quiet p95",
        "flooded p95",
        "at most",
        "as promised",
        "calls",
        "errors",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in all {
        rows.push(vec![
            one.flood.to_owned(),
            one.connections.to_string(),
            format!("{:.0}", one.quiet_p95_us),
            format!("{:.0}", one.flooded_p95_us),
            format!("{:.0}", one.bound_us),
            if one.holds() { "yes" } else { "no" }.to_owned(),
            one.flooded_calls.to_string(),
            one.errors.to_string(),
        ]);
    }
    rows
}

fn lists_table(report: &Report, lists: &Lists) -> Table {
    let head = [
        "lists",
        "calls",
        "requests",
        "received KiB",
        "returned KiB",
        "×",
        "p50 ms",
        "direct ms",
        "×",
        "memory MiB",
        "errors",
    ];
    let ratio = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.2}"));
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for list in &lists.records {
        rows.push(vec![
            list.name.to_owned(),
            list.calls.to_string(),
            list.requests.to_string(),
            format!("{:.1}", list.received_bytes / 1024.0),
            format!("{:.1}", list.returned_bytes / 1024.0),
            ratio(report.ratio_of_list(list, "bytes")),
            format!("{:.1}", list.p50_us / 1000.0),
            format!("{:.1}", list.direct_p50_us / 1000.0),
            ratio(report.ratio_of_list(list, "p50")),
            mebibytes(list.memory_bytes),
            list.errors.to_string(),
        ]);
    }
    rows
}

fn instructions_table(counted: &Instructions) -> Table {
    let head = ["instructions", "a call"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for count in &counted.records {
        let shown = count.instructions_per_call;
        let shown = shown.map_or_else(|| "not counted".to_owned(), |one| format!("{one:.0}"));
        rows.push(vec![count.name.to_owned(), shown]);
    }
    rows
}

fn ratios_table(report: &Report) -> Table {
    let head = ["promise", "figure", "value", "", "limit", "goal", "holds"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (key, ratio) in &report.ratios {
        let shown = |value: f64| format!("{value:.2} {}", ratio.unit);
        rows.push(vec![
            (*key).to_owned(),
            ratio.figure.to_owned(),
            ratio.value.map_or_else(|| "not measured".to_owned(), shown),
            ratio.bound.to_owned(),
            shown(ratio.limit),
            ratio.goal.map_or_else(String::new, shown),
            if ratio.holds { "yes" } else { "no" }.to_owned(),
        ]);
    }
    rows
}

fn ratio(report: &Report, record: &Record, figure: &str) -> String {
    let ratio = report.ratio(record, figure);
    ratio.map_or_else(String::new, |value| format!("{value:.2}"))
}

/// With one decimal.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Names to the left, figures to the right, each column as wide as it needs.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            let _ = if column == 0 {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "  {cell:>width$}")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_need() {
        let rows = [["calls", "×", "p50"], ["a", "", "1200"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(columns(&rows), "calls  ×   p50\na         1200\n");
    }

    #[test]
    fn memory_is_shown_in_tenths() {
        assert_eq!(mebibytes(1024 * 1024 * 3 / 2), "1.5");
    }
}
