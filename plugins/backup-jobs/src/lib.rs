//! backup jobs
