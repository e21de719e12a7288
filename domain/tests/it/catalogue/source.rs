//! Types and doc comments out of formatted Rust. What it does not understand it refuses, so that nothing is left out unseen.

use crate::golden::path;

/// A public struct or enum.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub doc: String,
    pub is_enum: bool,
    /// Serde's rule for the names of variants.
    rename: Option<String>,
    /// Serde's tag.
    pub tag: Option<String>,
    pub members: Vec<Member>,
}

/// A field or a variant.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub doc: String,
    pub shape: Shape,
}

/// What belongs to a member.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Nothing.
    Unit,
    /// One type.
    Holds(String),
    /// Fields with names.
    Fields(Vec<Member>),
}

impl Item {
    /// A variant's name in JSON.
    pub fn renamed(&self, variant: &str) -> String {
        let between = match self.rename.as_deref() {
            None => return variant.to_owned(),
            Some("lowercase") => "",
            Some("snake_case") => "_",
            Some("kebab-case") => "-",
            Some(other) => panic!("{}: rename_all = {other:?} was not met yet", self.name),
        };
        let mut name = String::new();
        for letter in variant.chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name += between;
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

fn source(module: &str) -> String {
    std::fs::read_to_string(path("src").join(module).with_extension("rs")).unwrap()
}

/// The first line of a module's documentation.
pub fn module_doc(module: &str) -> String {
    source(module).lines().next().unwrap().strip_prefix("//! ").unwrap().to_owned()
}

/// The public structs with named fields and the public enums of a module.
pub fn items_of(module: &str) -> Vec<Item> {
    let source = source(module);
    let lines: Vec<&str> = source.lines().collect();
    let mut items = vec![];
    for (at, line) in lines.iter().enumerate() {
        let declared = line.strip_prefix("pub enum ").or_else(|| line.strip_prefix("pub struct "));
        let Some(name) = declared.and_then(|rest| rest.strip_suffix(" {")) else { continue };
        let above = lines[..at].iter().rposition(|line| line.is_empty()).unwrap() + 1;
        let (docs, attributes): (Vec<&str>, Vec<&str>) =
            lines[above..at].iter().partition(|line| line.starts_with("///"));
        let end = at + lines[at..].iter().position(|line| *line == "}").unwrap();
        items.push(Item {
            name: name.to_owned(),
            doc: paragraph(&docs),
            is_enum: line.starts_with("pub enum"),
            rename: serde_value(&attributes, "rename_all"),
            tag: serde_value(&attributes, "tag"),
            members: members(&lines[at + 1..end]),
        });
    }
    items
}

/// What `#[serde(name = "…")]` says.
fn serde_value(attributes: &[&str], name: &str) -> Option<String> {
    let serde = attributes.iter().find(|line| line.starts_with("#[serde("))?;
    let (_, rest) = serde.split_once(&format!("{name} = \""))?;
    Some(rest.split_once('"').unwrap().0.to_owned())
}

/// The first paragraph of a doc comment, on one line, without links.
fn paragraph(docs: &[&str]) -> String {
    let words = docs.iter().map(|line| line.trim_start().trim_start_matches("///").trim());
    words.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ").replace("[`", "`").replace("`]", "`")
}

/// The fields or variants between two braces.
fn members(lines: &[&str]) -> Vec<Member> {
    let (mut members, mut docs) = (vec![], vec![]);
    let mut lines = lines.iter();
    while let Some(line) = lines.next() {
        let code = line.trim();
        if code.starts_with("///") {
            docs.push(code);
            continue;
        }
        if code.starts_with("#[") {
            if !code.ends_with(']') {
                lines.by_ref().find(|line| line.trim() == ")]");
            }
            continue;
        }
        let doc = paragraph(&std::mem::take(&mut docs));
        let (name, shape) = if let Some(name) = code.strip_suffix(" {") {
            let end = format!("{}}},", " ".repeat(line.len() - line.trim_start().len()));
            let inner: Vec<&str> = lines.by_ref().copied().take_while(|line| *line != end).collect();
            (name, Shape::Fields(self::members(&inner)))
        } else if let Some((name, kind)) = code.strip_suffix(',').and_then(|code| code.split_once(": ")) {
            (name.trim_start_matches("pub "), Shape::Holds(kind.to_owned()))
        } else if let Some((name, kind)) = code.strip_suffix("),").and_then(|code| code.split_once('(')) {
            (name, Shape::Holds(kind.to_owned()))
        } else {
            (code.strip_suffix(',').unwrap_or_else(|| panic!("no field or variant: {code}")), Shape::Unit)
        };
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "no name: {code}");
        members.push(Member { name: name.to_owned(), doc, shape });
    }
    members
}
