//! What the URL of an S3 bucket says.

use std::time::Duration;

use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_s3::types::ServerSideEncryption;
use aws_sdk_s3::{Client, Config};
use percent_encoding::percent_decode_str;
use ports::{Error, FileKey, Result};
use url::Url;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an attempt may take up to the answer's head, a part on its way up included.
const ATTEMPT: Duration = Duration::from_secs(60);
/// How long a body may stand still on its way up or down.
const STALL: Duration = Duration::from_secs(20);
/// How often a call is tried in all, with growing, jittered delays.
const ATTEMPTS: u32 = 3;

const MIB: usize = 1024 * 1024;

const OPTIONS: &str = "endpoint, region, path_style, encryption, part_size, links";

/// A bucket and how to speak with it; see [`super::super::open`].
pub(super) struct Settings {
    pub(super) bucket: String,
    /// What stands before our keys: empty, or ends in `/`.
    pub(super) prefix: String,
    pub(super) access_key: String,
    secret: String,
    session: Option<String>,
    pub(super) endpoint: Option<String>,
    region: String,
    path_style: bool,
    pub(super) encryption: Option<Encryption>,
    /// Bytes.
    pub(super) part_size: usize,
    /// How long a link is good for; none are given without it.
    pub(super) links: Option<Duration>,
}

/// How the server is told to encrypt what it stores.
pub(super) struct Encryption {
    pub(super) method: ServerSideEncryption,
    pub(super) kms_key: Option<String>,
}

impl Settings {
    /// Reads `s3:`, and from the environment what the URL leaves out. No message repeats the URL, which may hold a secret.
    pub(super) fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let url = Url::parse(text).map_err(|e| {
            rejected(&format!("is no URL: {e}; write s3://<key>:<secret>@<bucket>, key and secret percent-encoded"))
        })?;
        let bucket = url.host_str().filter(|name| is_bucket(name) && url.port().is_none());
        let bucket =
            bucket.ok_or_else(|| rejected("names no bucket: write s3://<bucket>, 3 to 63 of a-z, 0-9, '.', '-'"))?;
        let (access_key, secret, session) = credentials(&url, &environment)?;
        let mut settings = Self {
            bucket: bucket.to_owned(),
            prefix: prefix(url.path())?,
            access_key,
            secret,
            session,
            endpoint: None,
            region: String::new(),
            path_style: false,
            encryption: None,
            part_size: 8 * MIB,
            links: None,
        };
        let (mut region, mut path_style) = (None, None);
        for (option, value) in url.query_pairs() {
            match option.as_ref() {
                "endpoint" if is_endpoint(&value) => settings.endpoint = Some(value.into_owned()),
                "endpoint" => return Err(rejected("has an endpoint= that is no http:// or https:// URL")),
                "region" => region = Some(value.into_owned()),
                "path_style" => path_style = Some(flag(&option, &value)?),
                "encryption" => settings.encryption = Some(encryption(&value)?),
                "part_size" => settings.part_size = number(&option, &value, 5 * MIB, 64 * MIB)?,
                "links" => settings.links = Some(Duration::from_secs(number(&option, &value, 60, 900)? as u64)),
                unknown => return Err(rejected(&format!("has the option {unknown:?}; there are {OPTIONS}"))),
            }
        }
        settings.path_style = path_style.unwrap_or_else(|| settings.endpoint.is_some());
        // Other servers than Amazon's take any region; this one they all know.
        let usual = settings.endpoint.is_some().then(|| "us-east-1".to_owned());
        settings.region = region
            .or_else(|| environment("AWS_REGION"))
            .or_else(|| environment("AWS_DEFAULT_REGION"))
            .or(usual)
            .ok_or_else(|| rejected("names no region: add region=<region>, or set AWS_REGION"))?;
        Ok(settings)
    }

    /// A client; it contacts nobody yet.
    pub(super) fn client(&self) -> Client {
        let credentials = Credentials::new(
            &self.access_key,
            &self.secret,
            self.session.clone(),
            None,
            "the setting \"stores.files\"",
        );
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(ATTEMPT)
            .operation_attempt_timeout(ATTEMPT)
            .build();
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(credentials)
            .force_path_style(self.path_style)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build());
        config.set_endpoint_url(self.endpoint.clone());
        Client::from_conf(config.build())
    }
}

/// Key and secret from the URL, or with a session token from the environment.
fn credentials(url: &Url, environment: impl Fn(&str) -> Option<String>) -> Result<(String, String, Option<String>)> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(rejected("has an access key or secret that is not UTF-8")),
    };
    match (url.username(), url.password()) {
        ("", None) => match (environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY")) {
            (Some(key), Some(secret)) => Ok((key, secret, environment("AWS_SESSION_TOKEN"))),
            (None, _) | (_, None) => Err(rejected(
                "has no credentials: write s3://<key>:<secret>@<bucket>, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )),
        },
        ("", Some(_)) | (_, None) => Err(rejected("has an access key or a secret, but not both")),
        (key, Some(secret)) => Ok((decoded(key)?, decoded(secret)?, None)),
    }
}

fn is_bucket(name: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b);
    (3..=63).contains(&name.len()) && name.bytes().all(letters)
}

fn prefix(path: &str) -> Result<String> {
    match path.trim_matches('/') {
        "" => Ok(String::new()),
        path => FileKey::new(path)
            .map(|path| format!("{path}/"))
            .map_err(|_| rejected("has a prefix that is not made of A-Z, a-z, 0-9, '.', '_', '-' and '/'")),
    }
}

fn is_endpoint(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
}

fn encryption(text: &str) -> Result<Encryption> {
    match (text, text.strip_prefix("aws:kms")) {
        ("AES256", _) => Ok(Encryption { method: ServerSideEncryption::Aes256, kms_key: None }),
        (_, Some("")) => Ok(Encryption { method: ServerSideEncryption::AwsKms, kms_key: None }),
        (_, Some(key)) if key.starts_with(':') && key.len() > 1 => {
            Ok(Encryption { method: ServerSideEncryption::AwsKms, kms_key: Some(key[1..].to_owned()) })
        }
        _ => Err(rejected(&format!("has encryption={text:?}; it is AES256, aws:kms or aws:kms:<key id>"))),
    }
}

fn flag(option: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| rejected(&format!("has {option}={value:?}; it is true or false")))
}

fn number(option: &str, value: &str, least: usize, most: usize) -> Result<usize> {
    match value.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(rejected(&format!("has {option}={value:?}; it is a number from {least} to {most}"))),
    }
}

fn rejected(what: &str) -> Error {
    Error::Rejected(format!("setting \"stores.files\" {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Settings> {
        Settings::parse(url, |_| None)
    }

    #[test]
    fn a_wrong_url_is_told_without_its_secret() {
        let wrong = [
            ("s3://k:secret@bucket?retries=3", "retries"),
            ("s3://k:secret@bucket?endpoint=localhost:9000", "endpoint="),
            ("s3://k:secret@bucket?endpoint=http://h&path_style=maybe", "path_style"),
            ("s3://k:secret@bucket?endpoint=http://h&links=59", "from 60 to 900"),
            ("s3://k:secret@bucket?endpoint=http://h&part_size=1000", "part_size"),
            ("s3://k:secret@bucket?endpoint=http://h&encryption=rot13", "AES256"),
            ("s3://k:secret@bucket", "AWS_REGION"),
            ("s3://k:secret@bucket/a//b?region=r", "prefix"),
            ("s3://k:secret@Bucket_1?region=r", "bucket"),
            ("s3://k:sec/secret@bucket?region=r", "percent-encoded"),
            ("s3://k@bucket?region=r", "not both"),
            ("s3://:secret@bucket?region=r", "not both"),
            ("s3://bucket?region=r", "AWS_SECRET_ACCESS_KEY"),
        ];
        for (url, said) in wrong {
            let Err(Error::Rejected(why)) = parse(url) else { panic!("{url} is taken") };
            assert!(why.contains("\"stores.files\"") && why.contains(said) && !why.contains("secret@"), "{url}: {why}");
            assert!(!why.replace("<secret>", "").contains("secret@") && !why.contains("sec/"), "{url}: {why}");
        }
    }

    #[test]
    fn what_the_url_leaves_out_comes_from_the_environment() {
        let environment = |name: &str| {
            let values = [
                ("AWS_ACCESS_KEY_ID", "me"),
                ("AWS_SECRET_ACCESS_KEY", "hush"),
                ("AWS_SESSION_TOKEN", "today"),
                ("AWS_DEFAULT_REGION", "eu-central-1"),
            ];
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::parse("s3://files/a/b/", environment).unwrap();
        assert_eq!((settings.bucket.as_str(), settings.prefix.as_str()), ("files", "a/b/"));
        assert_eq!((settings.access_key.as_str(), settings.secret.as_str()), ("me", "hush"));
        assert_eq!((settings.session.as_deref(), settings.region.as_str()), (Some("today"), "eu-central-1"));
        assert!(!settings.path_style && settings.links.is_none());
    }

    #[test]
    fn a_url_says_all_there_is_to_say() {
        let url =
            "s3://me:a%2Fb+c@files?endpoint=https://s3.example.org&encryption=aws:kms:arn:aws:kms:eu:1:key/2&links=60";
        let settings = parse(url).unwrap();
        assert_eq!((settings.secret.as_str(), settings.region.as_str()), ("a/b+c", "us-east-1"));
        assert!(settings.path_style, "other servers have no name for each bucket");
        let encryption = settings.encryption.unwrap();
        assert_eq!(encryption.method, ServerSideEncryption::AwsKms);
        assert_eq!(encryption.kms_key.as_deref(), Some("arn:aws:kms:eu:1:key/2"));
        assert_eq!(settings.links, Some(Duration::from_secs(60)));
        assert!(!parse(&format!("{url}&path_style=false")).unwrap().path_style);
    }
}
