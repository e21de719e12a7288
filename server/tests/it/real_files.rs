//! Files that nobody here made, uploaded, analysed, reported and mailed; what comes out is read by other people's programs.

mod peers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::measures::{ImageMeasures, Measures};
use processors::analysis::isolated::{Analyser, VERB};
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use trialbrief::app;

use crate::world::{World, mondays, parse};
use peers::{MEASURES, MailServer, ask, files_in, named, peer, run};

const TRIAL: &str = "SKIM-0.26";
const LARGEST_BYTES: u64 = 20_000_000;

/// Pictures of different kinds: a microscope's, a dark one, transparency, grey levels, a JPEG with fine detail.
const MEASURED: [&str; 5] = ["retina.jpg", "microaneurysms.png", "logo.png", "camera.png", "hubble_deep_field.jpg"];

/// The tolerances of `processors/tests/it/main.rs`, where their reasons stand: grey levels, shares, sharpness (relative, and
/// absolute from rounding), bits of the hash.
const LEVELS: f64 = 0.5;
const SHARE: f64 = 0.01;
const SHARPNESS: f64 = 0.03;
const SHARPNESS_OF_ROUNDING: f64 = 20.0 / 12.0;
const HASH_BITS: u32 = 2;

/// What `measures.py` prints.
#[derive(Debug, Deserialize)]
struct PeerMeasures {
    file: PathBuf,
    width_px: u32,
    height_px: u32,
    luminance_mean: f64,
    contrast: f64,
    clipped_shadows: f64,
    clipped_highlights: f64,
    sharpness: f64,
    perceptual_hash: String,
}

/// What `tables.py` prints.
#[derive(Debug, Deserialize)]
struct PeerTable {
    file: PathBuf,
    rows: u64,
    columns: u64,
}

/// What `read_mail.py` prints.
#[derive(Debug, Deserialize)]
struct PeerMail {
    headers: Vec<(String, String)>,
    defects: Vec<String>,
    parts: Vec<Part>,
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    name: Option<String>,
    text: Option<String>,
}

impl PeerMail {
    fn header(&self, name: &str) -> &str {
        let mut values = self.headers.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let value = values.next().unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers));
        assert!(values.next().is_none(), "{name} stands there twice");
        value
    }

    fn text(&self, media_type: &str) -> &str {
        let part = self.parts.iter().find(|part| part.r#type == media_type);
        part.and_then(|part| part.text.as_deref()).unwrap_or_else(|| panic!("no {media_type}"))
    }
}

/// What `validate_pdf.py` prints.
#[derive(Debug, Deserialize)]
struct Verdict {
    pages: usize,
    #[serde(rename = "2a")]
    pdf_a: Vec<String>,
    ua1: Vec<String>,
}

/// A file and the document it became.
struct Stored {
    file: PathBuf,
    id: String,
}

/// A document's analysis as the API tells it.
struct Analysed {
    measures: Measures,
    /// Whether somebody should look.
    flagged: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_nobody_here_made_become_a_report_that_other_programs_accept() {
    let pictures_and_more = files_in(&named("TRIALBRIEF_SKIMAGE_DATA"), LARGEST_BYTES);
    let tables = files_in(&named("TRIALBRIEF_LIFELINES_DATA"), LARGEST_BYTES);
    assert!(pictures_and_more.len() >= 30 && tables.len() >= 25, "the packages ship fewer files than they did");

    let server = MailServer::start().await;
    let mut world = world(&server).await;
    world.open_trial(TRIAL).await;
    world.subscribe("chi", TRIAL, mondays()).await;
    let url = serve(&world).await;
    world.until("2026-11-17T10:00[Europe/Berlin]").await;
    let mut stored = upload(&url, "photograph", "DE-01", &pictures_and_more).await;
    world.until("2026-11-18T16:30[Europe/Berlin]").await;
    stored.extend(upload(&url, "table", "FR-02", &tables).await);
    world.until("2026-11-18T17:00[Europe/Berlin]").await;

    let analysed = analysed(&world, &stored).await;
    counted_by_what_they_are(&world, &analysed).await;
    images_measure_as_with_scikit_image(&analysed).await;
    tables_count_as_with_python(&tables, &analysed).await;

    world.until("2026-11-23T08:00[Europe/Berlin]").await;
    let scratch = tempfile::tempdir().unwrap();
    let (pdf, mail) = the_mail(&world, &server, scratch.path()).await;
    let flagged = analysed.values().filter(|one| one.flagged).count();
    let headline = format!("{} documents added, {flagged} need attention", stored.len());
    assert!(mail.text("text/plain").contains(&headline) && mail.text("text/html").contains(&headline), "{headline}");
    the_pdf_says(&pdf, &headline, &stored).await;
    the_pdf_is_valid(&pdf).await;
    keep(&pdf);
}

/// As in service: analyses in processes of their own, mail by SMTP with encryption and a password.
async fn world(server: &MailServer) -> World {
    let folder = tempfile::tempdir().unwrap();
    let (path, url) = (folder.path().to_owned(), server.url());
    let now = parse("2026-11-16T09:00[Europe/Berlin]");
    let mut world = World::open(path, Some(folder), now, |urls| trialbrief::wire::Urls { mail: url, ..urls }).await;
    let program = env!("CARGO_BIN_EXE_trialbrief").into();
    world.settings.analyser = Analyser::Isolated { program, arguments: vec![VERB.into()] };
    world.app = app::build(&world.ports, &world.settings);
    world.settle().await;
    world
}

/// Serves the API at a port of its own; it ends with the test.
async fn serve(world: &World) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/documents", listener.local_addr().unwrap());
    let service = world.app.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    url
}

/// Ben uploads files, as forms over HTTP.
async fn upload(url: &str, kind: &str, site: &str, files: &[PathBuf]) -> Vec<Stored> {
    let mut arguments: Vec<String> = vec![url.to_owned(), "ben".to_owned()];
    arguments.extend([format!("TrialId={TRIAL}"), format!("Kind={kind}"), format!("SiteId={site}")]);
    arguments.extend(files.iter().map(|file| file.to_str().unwrap().to_owned()));
    let answers: Vec<Value> = ask(&peer("upload.py"), &arguments).await;
    assert_eq!(answers.len(), files.len());
    let stored = |answer: &Value| {
        assert_eq!(answer["status"], 201, "{answer}");
        Stored {
            file: answer["file"].as_str().unwrap().into(),
            id: answer["record"]["_id"].as_str().unwrap().to_owned(),
        }
    };
    answers.iter().map(stored).collect()
}

/// What the analysis found in each file; the file itself comes back as it was.
async fn analysed(world: &World, stored: &[Stored]) -> BTreeMap<PathBuf, Analysed> {
    let mut all = BTreeMap::new();
    for document in stored {
        let file = world.get("chi", &format!("/api/documents/{}/file", document.id)).await.expect(200);
        assert_eq!(file.body, std::fs::read(&document.file).unwrap(), "{}", document.file.display());
        let found = world.get("chi", &format!("/api/documents/{}/findings", document.id)).await.expect(200).json();
        let measures = serde_json::from_value(found["measures"].clone());
        let measures = measures.unwrap_or_else(|e| panic!("{}: {e}: {found}", document.file.display()));
        let flagged = found["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] != "notice");
        all.insert(document.file.clone(), Analysed { measures, flagged });
    }
    all
}

async fn counted_by_what_they_are(world: &World, analysed: &BTreeMap<PathBuf, Analysed>) {
    let [mut images, mut tables, mut texts, mut others] = [0; 4];
    for (file, one) in analysed {
        let extension = file.extension().unwrap().to_str().unwrap();
        let fits = match &one.measures {
            Measures::Image(_) => matches!(extension, "png" | "jpg"),
            Measures::Table(_) => matches!(extension, "csv" | "tsv" | "dat"),
            Measures::Text(_) => matches!(extension, "csv" | "tsv" | "dat" | "txt" | "xml" | "py" | "pyi"),
            Measures::Other(_) => matches!(extension, "gif" | "npy" | "npz" | "tif"),
        };
        assert!(fits, "{} was taken for {:?}", file.display(), one.measures);
        match &one.measures {
            Measures::Image(_) => images += 1,
            Measures::Table(_) => tables += 1,
            Measures::Text(_) => texts += 1,
            Measures::Other(_) => others += 1,
        }
    }
    assert!(images >= 20 && tables >= 20 && texts >= 4 && others >= 4, "{images}, {tables}, {texts}, {others}");
    let summary = world.get("chi", &format!("/api/trials/{TRIAL}/summary")).await.expect(200).json();
    let contents = &summary["figures"]["contents"];
    let counted = ["images", "tables", "texts", "others", "analysed"].map(|name| contents[name].as_u64().unwrap());
    assert_eq!(counted, [images, tables, texts, others, analysed.len() as u64]);
    assert_eq!(contents["unreadable"].as_u64(), None, "all of them can be read");
}

async fn images_measure_as_with_scikit_image(analysed: &BTreeMap<PathBuf, Analysed>) {
    let is_measured = |file: &&PathBuf| MEASURED.iter().any(|name| file.ends_with(name));
    let files: Vec<&PathBuf> = analysed.keys().filter(is_measured).collect();
    assert_eq!(files.len(), MEASURED.len());
    let peers: Vec<PeerMeasures> = ask(Path::new(MEASURES), &files).await;
    assert_eq!(peers.len(), MEASURED.len());
    for peer in peers {
        let Measures::Image(ours) = &analysed[&peer.file].measures else {
            panic!("{} is no image", peer.file.display())
        };
        let wrong = differences(ours, &peer);
        assert!(wrong.is_empty(), "{}: {wrong:?}", peer.file.display());
    }
}

fn differences(ours: &ImageMeasures, peer: &PeerMeasures) -> Vec<String> {
    let milli = |value: u32| f64::from(value) / 1e3;
    let share = |value: u32| f64::from(value) / 1e6;
    let sharpness = peer.sharpness * SHARPNESS + SHARPNESS_OF_ROUNDING;
    let compared = [
        ("width", f64::from(ours.width_px), f64::from(peer.width_px), 0.0),
        ("height", f64::from(ours.height_px), f64::from(peer.height_px), 0.0),
        ("mean", milli(ours.luminance_mean_milli), peer.luminance_mean, LEVELS),
        ("contrast", milli(ours.contrast_milli), peer.contrast, LEVELS),
        ("shadows", share(ours.clipped_shadows_ppm), peer.clipped_shadows, SHARE),
        ("highlights", share(ours.clipped_highlights_ppm), peer.clipped_highlights, SHARE),
        ("sharpness", milli(ours.sharpness_milli), peer.sharpness, sharpness),
    ];
    let differ = compared.into_iter().filter(|(_, ours, theirs, tolerance)| (ours - theirs).abs() > *tolerance);
    let mut wrong: Vec<String> = differ.map(|(what, ours, theirs, _)| format!("{what} {ours}, not {theirs}")).collect();
    let bits = ours.perceptual_hash.distance(peer.perceptual_hash.parse().unwrap());
    if bits > HASH_BITS {
        wrong.push(format!("{bits} bits of the hash"));
    }
    wrong
}

async fn tables_count_as_with_python(files: &[PathBuf], analysed: &BTreeMap<PathBuf, Analysed>) {
    let is_table = |file: &&PathBuf| file.extension().is_some_and(|extension| extension == "csv" || extension == "tsv");
    let files: Vec<&PathBuf> = files.iter().filter(is_table).collect();
    let peers: Vec<PeerTable> = ask(&peer("tables.py"), &files).await;
    assert_eq!(peers.len(), files.len());
    for peer in peers {
        let ours = match &analysed[&peer.file].measures {
            Measures::Table(ours) => ours,
            // Two of them are columns set with blanks, whatever their names say.
            Measures::Text(_) if peer.columns == 1 => continue,
            other => panic!("{} was taken for {other:?}", peer.file.display()),
        };
        // Whether the first record is a header is ours to judge; the records are not.
        let records = ours.rows + u64::from(ours.header);
        assert_eq!((records, ours.columns), (peer.rows + 1, peer.columns), "{}", peer.file.display());
    }
}

/// The one mail that arrived, read by another program, and its PDF.
async fn the_mail(world: &World, server: &MailServer, folder: &Path) -> (PathBuf, PeerMail) {
    let mut mails = server.mails();
    assert_eq!(mails.len(), 1, "one subscriber, one due time");
    let (from, to, message) = mails.remove(0);
    assert!(from.starts_with("bounce+") && from.ends_with("@trialbrief.example"), "{from}");
    assert_eq!(to, "chi@example.org");

    let (file, pdf) = (folder.join("message"), folder.join("report.pdf"));
    std::fs::write(&file, message).unwrap();
    let mail: PeerMail = ask(&peer("read_mail.py"), &[&file, &pdf]).await.remove(0);
    assert_eq!(mail.defects, [""; 0]);
    let parts: Vec<(&str, Option<&str>)> =
        mail.parts.iter().map(|part| (&*part.r#type, part.name.as_deref())).collect();
    let name = format!("{TRIAL}_2026-11-16_2026-11-22.pdf");
    assert_eq!(parts, [("text/plain", None), ("text/html", None), ("application/pdf", Some(name.as_str()))]);

    assert_eq!(mail.header("To"), "Chiara Nowak <chi@example.org>");
    let subject = mail.header("Subject");
    assert!(subject.contains(TRIAL) && subject.contains("16–22 Nov 2026"), "{subject}");
    assert_eq!(mail.header("Date"), "Mon, 23 Nov 2026 07:00:00 +0000");
    assert!(mail.header("Message-ID").ends_with("@trialbrief.example>"));
    assert_eq!(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let unsubscribe = mail.header("List-Unsubscribe").trim_matches(['<', '>']);
    assert!(unsubscribe.starts_with("http://127.0.0.1:8080/unsubscribe/"), "{unsubscribe}");
    assert!(mail.text("text/plain").contains(unsubscribe) && mail.text("text/html").contains(unsubscribe));

    let reports = world.get("chi", &format!("/api/reports?trial={TRIAL}")).await.expect(200).json();
    let id = reports["items"][0]["id"].as_str().unwrap();
    let stored = world.get("chi", &format!("/api/reports/{id}/file")).await.expect(200).body;
    assert_eq!(std::fs::read(&pdf).unwrap(), stored, "the attachment is the stored report");
    (pdf, mail)
}

async fn the_pdf_says(pdf: &Path, headline: &str, stored: &[Stored]) {
    let text = run(Path::new("pdftotext"), &[Path::new("-layout"), pdf, Path::new("-")]).await;
    let page_one = text.split('\x0c').next().unwrap();
    for words in [headline, TRIAL, "A device study", "16 to Sunday 22 November 2026", "Needs attention"] {
        assert!(page_one.contains(words), "{words:?} is missing on page 1:\n{page_one}");
    }
    let missing: Vec<&Path> = stored.iter().map(|one| one.file.as_path()).filter(|file| !names(&text, file)).collect();
    assert!(missing.is_empty(), "not in the report: {missing:?}\n{text}");
}

fn names(text: &str, file: &Path) -> bool {
    text.contains(file.file_name().unwrap().to_str().unwrap())
}

async fn the_pdf_is_valid(pdf: &Path) {
    let verdict: Verdict = ask(&peer("validate_pdf.py"), &[pdf]).await.remove(0);
    assert_eq!((verdict.pdf_a, verdict.ua1), (vec![], vec![]), "PDF/A-2a and PDF/UA-1");
    assert!(verdict.pages >= 4, "{} pages", verdict.pages);
}

/// For those who want to look at it: the report is left where `TRIALBRIEF_KEEP_REPORT` says.
fn keep(pdf: &Path) {
    if let Some(wanted) = std::env::var_os("TRIALBRIEF_KEEP_REPORT") {
        std::fs::copy(pdf, wanted).unwrap();
    }
}
