//! The words for how something ended, the same in the metrics and in the audit log. What a limit ended has the limit's own
//! word (`plugin::CallError::word`).

/// It did what was wanted.
pub const SUCCESS: &str = "success";
/// Something failed that has no word of its own.
pub const FAILURE: &str = "failure";
/// The tool answered with an error, which the model reads.
pub const TOOL_ERROR: &str = "tool_error";
/// What was asked for is refused with an error of the protocol.
pub const REQUEST_ERROR: &str = "request_error";
/// The arguments do not fit the tool's schema.
pub const INVALID_ARGUMENTS: &str = "invalid_arguments";
/// The principal may not do it.
pub const DENIED: &str = "denied";
/// Somebody has to answer first.
pub const INPUT_REQUIRED: &str = "input_required";
/// Nobody could be asked, or not so.
pub const NOT_ASKED: &str = "not_asked";
/// It goes on as a job.
pub const JOB: &str = "job";
/// Nobody wants the answer any more.
pub const CANCELLED: &str = "cancelled";
/// The plugin broke a promise.
pub const DEFECT: &str = "defect";
