//! A finished sheet becomes PDF: marks in drawing order, the tag tree, links, outline, metadata.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use krilla::SerializeSettings;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target as LinkTarget};
use krilla::color::rgb;
use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::document::Document;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::{DateTime, Metadata, PageLayout, TextDirection};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, BBox, ContentTag, Identifier, ListNumbering, SpanTag, TableHeaderScope, Tag, TagGroup,
    TagKind, TagTree,
};

use jiff::Timestamp;

use super::Error;
use super::page::{Area, Bookmark, Mark, NodeId, Op, Role, Sheet, Target};
use super::palette::Colour;
use crate::content::Thumbnails;

/// What the file says about itself.
pub(crate) struct About {
    pub(crate) title: String,
    pub(crate) subject: String,
    pub(crate) language: String,
    pub(crate) created: Timestamp,
    pub(crate) document_id: String,
}

/// Writes all pages; PDF/A-2a and PDF/UA-1 or an error that names what breaks them.
pub(crate) fn write(sheet: Sheet, about: &About, pictures: &Pictures) -> Result<Vec<u8>, Error> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| Error::Invalid(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let mut tags = Tags { leaves: BTreeMap::new() };
    let Sheet { geometry, pages, nodes, bookmarks, .. } = sheet;

    for ops in &pages {
        let size = PageSettings::from_wh(geometry.width, geometry.height)
            .ok_or_else(|| Error::Invalid("page size".to_owned()))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        draw(&mut surface, ops, &mut tags, pictures);
        surface.finish();
        for op in ops {
            if let Op::Link { node, area, target, words } = op
                && let Some(annotation) = link(*area, target, words)
            {
                tags.leaves.entry(*node).or_default().push(page.add_tagged_annotation(annotation));
            }
        }
        page.finish();
    }

    let mut tree = TagTree::new().with_lang(Some(about.language.clone()));
    for &child in &nodes[0].children {
        tree.push(tags.group(&nodes, child));
    }
    document.set_tag_tree(tree);
    document.set_outline(outline(&bookmarks));
    document.set_metadata(metadata(about));
    let mut bytes = document.finish()?;
    end_streams_plainly(&mut bytes);
    Ok(bytes)
}

/// Where a stream's last byte is CR, the LF that ends its line makes a CR LF of it, and validators that measure back
/// from `endstream` find the stream one byte short (ISO 19005-2, 6.1.7.1). A CR in place of that LF is as good an end
/// of line, and moves nothing.
fn end_streams_plainly(bytes: &mut [u8]) {
    const END: &[u8] = b"\r\nendstream\nendobj";
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(END.len()).position(|window| window == END) {
        bytes[at + found + 1] = b'\r';
        at += found + END.len();
    }
}

/// The pictures whose bytes are there and are a JPEG, by hash.
pub(crate) struct Pictures(BTreeMap<String, Image>);

impl Pictures {
    pub(crate) fn load(thumbnails: &Thumbnails) -> Self {
        let load = |(sha256, bytes): (&String, &Vec<u8>)| {
            Some((sha256.clone(), Image::from_jpeg(bytes.clone().into(), false).ok()?))
        };
        Self(thumbnails.iter().filter_map(load).collect())
    }

    pub(crate) fn has(&self, sha256: &str) -> bool {
        self.0.contains_key(sha256)
    }
}

struct Tags {
    leaves: BTreeMap<NodeId, Vec<Identifier>>,
}

impl Tags {
    fn group(&mut self, nodes: &[super::page::Node], id: NodeId) -> TagGroup {
        let node = &nodes[id];
        let mut group = TagGroup::new(tag(node));
        for leaf in self.leaves.remove(&id).unwrap_or_default() {
            group.push(leaf);
        }
        for &child in &node.children {
            group.push(self.group(nodes, child));
        }
        group
    }
}

fn tag(node: &super::page::Node) -> TagKind {
    match &node.role {
        Role::Document | Role::Section => Tag::Section.into(),
        Role::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Role::Paragraph => Tag::P.into(),
        Role::Table(summary) => Tag::Table.with_summary(Some(summary.clone())).into(),
        Role::TableHead => Tag::THead.into(),
        Role::TableBody => Tag::TBody.into(),
        Role::Row => Tag::TR.into(),
        Role::ColumnHeader => Tag::TH(TableHeaderScope::Column).into(),
        Role::RowHeader => Tag::TH(TableHeaderScope::Row).into(),
        Role::Cell => Tag::TD.into(),
        Role::Figure(alt) => {
            let bbox = node.place.and_then(|(page, area)| Some(BBox::new(page, rect(area)?)));
            Tag::Figure(Some(alt.clone())).with_bbox(bbox).into()
        }
        Role::List => Tag::L(ListNumbering::None).into(),
        Role::Item => Tag::LI.into(),
        Role::Label => Tag::Lbl.into(),
        Role::Body => Tag::LBody.into(),
        Role::Link => Tag::Link.into(),
    }
}

/// Draws a page; neighbours with the same mark share one marked sequence.
fn draw(surface: &mut Surface<'_>, ops: &[Op], tags: &mut Tags, pictures: &Pictures) {
    let mut present: Option<(Mark, bool)> = None;
    for op in ops {
        let (mark, is_text) = match op {
            Op::Text { mark, .. } => (*mark, true),
            Op::Box { mark, .. } | Op::Strokes { mark, .. } | Op::Picture { mark, .. } => (*mark, false),
            Op::Link { .. } => continue,
        };
        if present != Some((mark, is_text)) {
            if present.is_some() {
                surface.end_tagged();
            }
            let content = match mark {
                Mark::Node(_) if is_text => ContentTag::Span(SpanTag::empty()),
                Mark::Node(_) => ContentTag::Other,
                Mark::Decoration => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
                Mark::Header => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Header)),
                Mark::Footer => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)),
            };
            let identifier = surface.start_tagged(content);
            if let Mark::Node(node) = mark {
                tags.leaves.entry(node).or_default().push(identifier);
            }
            present = Some((mark, is_text));
        }
        paint(surface, op, pictures);
    }
    if present.is_some() {
        surface.end_tagged();
    }
}

fn paint(surface: &mut Surface<'_>, op: &Op, pictures: &Pictures) {
    match op {
        Op::Text { x, baseline, line, style, .. } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(style.colour)));
            let font = style.typeface.loaded().font.clone();
            surface.draw_glyphs(Point::from_xy(*x, *baseline), &line.glyphs, font, &line.text, style.size, false);
        }
        Op::Box { area, fill: inside, stroke, .. } => {
            if let Some(path) = rect(*area).and_then(|rect| path(|builder| builder.push_rect(rect))) {
                surface.set_fill(inside.map(fill));
                surface.set_stroke(stroke.map(|colour| self::stroke(colour, 0.7)));
                surface.draw_path(&path);
            }
        }
        Op::Strokes { lines, width, colour, .. } => {
            let drawn = path(|builder| {
                for [x0, y0, x1, y1] in lines {
                    builder.move_to(*x0, *y0);
                    builder.line_to(*x1, *y1);
                }
            });
            if let Some(path) = drawn {
                surface.set_fill(None);
                surface.set_stroke(Some(stroke(*colour, *width)));
                surface.draw_path(&path);
            }
        }
        Op::Picture { area, sha256, .. } => {
            if let (Some(image), Some(size)) = (pictures.0.get(sha256), Size::from_wh(area.width, area.height)) {
                surface.push_transform(&Transform::from_translate(area.x, area.y));
                surface.draw_image(image.clone(), size);
                surface.pop();
            }
        }
        Op::Link { .. } => {}
    }
}

fn link(area: Area, target: &Target, words: &str) -> Option<Annotation> {
    let target = match target {
        Target::Place { page, y } => {
            LinkTarget::Destination(XyzDestination::new(*page, Point::from_xy(0.0, (y - 12.0).max(0.0))).into())
        }
        Target::Address(address) => LinkTarget::Action(Action::Link(LinkAction::new(address.clone()))),
    };
    Some(Annotation::new_link(LinkAnnotation::new(rect(area)?, target), Some(words.to_owned())))
}

fn outline(bookmarks: &[Bookmark]) -> Outline {
    let mut outline = Outline::new();
    let mut node: Option<OutlineNode> = None;
    for bookmark in bookmarks {
        let destination = XyzDestination::new(bookmark.page, Point::from_xy(0.0, (bookmark.y - 12.0).max(0.0)));
        let item = OutlineNode::new(bookmark.title.clone(), destination);
        match (&mut node, bookmark.level) {
            (Some(parent), 3..) => parent.push_child(item),
            (previous, _) => {
                if let Some(done) = previous.replace(item) {
                    outline.push_child(done);
                }
            }
        }
    }
    if let Some(done) = node {
        outline.push_child(done);
    }
    outline
}

fn metadata(about: &About) -> Metadata {
    let created = jiff::tz::TimeZone::UTC.to_datetime(about.created);
    let unsigned = |n: i8| n.unsigned_abs();
    let date = DateTime::new(u16::try_from(created.year()).unwrap_or(0))
        .month(unsigned(created.month()))
        .day(unsigned(created.day()))
        .hour(unsigned(created.hour()))
        .minute(unsigned(created.minute()))
        .second(unsigned(created.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(about.title.clone())
        .description(about.subject.clone())
        .language(about.language.clone())
        .creator(crate::wording::report::PRODUCT.to_owned())
        .producer(super::RENDERER_VERSION.to_owned())
        .creation_date(date)
        .document_id(about.document_id.clone())
        .text_direction(TextDirection::LeftToRight)
        .page_layout(PageLayout::SinglePage)
}

fn rect(area: Area) -> Option<Rect> {
    Rect::from_xywh(area.x, area.y, area.width, area.height)
}

fn path(build: impl FnOnce(&mut PathBuilder)) -> Option<Path> {
    let mut builder = PathBuilder::new();
    build(&mut builder);
    builder.finish()
}

fn fill(Colour(r, g, b): Colour) -> Fill {
    Fill { paint: rgb::Color::new(r, g, b).into(), ..Fill::default() }
}

fn stroke(Colour(r, g, b): Colour, width: f32) -> Stroke {
    Stroke { paint: rgb::Color::new(r, g, b).into(), width, ..Stroke::default() }
}
