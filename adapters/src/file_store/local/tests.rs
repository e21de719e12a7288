use std::io::{Error as IoError, ErrorKind};

use ports::Error;

use super::failed;

#[test]
fn a_full_disk_is_a_passing_state_and_said_in_a_sentence() {
    let error = failed("storing trials/t/x", &IoError::from(ErrorKind::StorageFull));
    assert_eq!(error, Error::Unavailable("storing trials/t/x: the disk is full; nothing was stored".to_owned()));
}

#[test]
fn a_name_the_file_system_cannot_hold_is_rejected() {
    assert!(matches!(failed("storing x", &IoError::from(ErrorKind::InvalidFilename)), Error::Rejected(_)));
}
