//! Reports of a small answer.
