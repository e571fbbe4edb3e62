//! How the host proves to a backend who it is: secrets, logins, tokens and their cache.
