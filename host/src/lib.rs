//! toolward
