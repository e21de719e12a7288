use proptest::prelude::*;

use super::*;

fn shown(filename: &str) -> String {
    attachment(filename).to_str().unwrap().to_owned()
}

#[test]
fn a_plain_name_stays_as_it_is() {
    assert_eq!(
        shown("Consent form 7.pdf"),
        "attachment; filename=\"Consent form 7.pdf\"; filename*=UTF-8''Consent%20form%207.pdf"
    );
    assert_eq!(inline("a.pdf"), "inline; filename=\"a.pdf\"; filename*=UTF-8''a.pdf");
}

#[test]
fn hostile_names_lose_what_makes_them_hostile() {
    for (name, fallback, extended) in [
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("..\\boot.ini", "_boot.ini", "_boot.ini"),
        ("a\r\nSet-Cookie: x=1", "a__Set-Cookie_ x=1", "a__Set-Cookie_%20x%3D1"),
        ("nul\0.txt", "nul_.txt", "nul_.txt"),
        ("say \"hi\".txt", "say _hi_.txt", "say%20_hi_.txt"),
        ("photo\u{202e}gpj.exe", "photogpj.exe", "photogpj.exe"),
        ("<script>alert(1)</script>.svg", "_script_alert(1)__script_.svg", "_script_alert%281%29__script_.svg"),
        ("Prüfplan.pdf", "Pr_fplan.pdf", "Pr%C3%BCfplan.pdf"),
        ("100%41.txt", "100_41.txt", "100%2541.txt"),
        ("..", "file", "file"),
        ("", "file", "file"),
        (".htaccess", "htaccess", "htaccess"),
    ] {
        assert_eq!(
            shown(name),
            format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{extended}"),
            "{name:?}"
        );
    }
}

#[test]
fn a_long_name_is_cut_and_keeps_its_extension() {
    let value = shown(&format!("{}.tiff", "ж".repeat(300)));
    let (fallback, extended) = value.split_once("\"; filename*=UTF-8''").unwrap();
    assert_eq!(fallback, format!("attachment; filename=\"{}.tiff", "_".repeat(75)));
    assert_eq!(extended, format!("{}.tiff", "%D0%B6".repeat(175)));
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_quotes_or_its_directory(name in "\\PC{0,300}|[\\x00-\\x7f]{0,40}") {
        let value = shown(&name);
        prop_assert!(value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
        prop_assert_eq!(value.matches('"').count(), 2);
        prop_assert!(!value.contains(['/', '\\']));
        let quoted = value.split('"').nth(1).unwrap();
        prop_assert!(!quoted.is_empty() && quoted != "." && quoted != ".." && quoted.len() <= LONGEST_NAME);
    }
}
