//! placeholder while the page is laid out
