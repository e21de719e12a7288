//! The words of the mail.
