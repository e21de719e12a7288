//! The sheet that pages are laid out on: a cursor that moves down and over pages, what is drawn, and the tags of it.
//!
//! Nothing is written here; [`super::write`] turns a finished sheet into PDF once the number of pages is known.

use super::palette::Colour;
use super::text::{HEADING, Line, Style, TITLE, line, wrap, wrap_prose};
use crate::content::Paper;

/// A rectangle in points, from the top left corner of the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// A page's size and margins, in points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) margin: f32,
    /// Where the text of a following page begins; page 1 begins at `margin`.
    pub(crate) top: f32,
    /// Where text must end.
    pub(crate) bottom: f32,
}

impl Geometry {
    pub(crate) fn of(paper: Paper) -> Self {
        let (width, height) = match paper {
            Paper::A4 => (595.28, 841.89),
            Paper::Letter => (612.0, 792.0),
        };
        Self { width, height, margin: 54.0, top: 76.0, bottom: height - 64.0 }
    }

    /// Width between the margins.
    pub(crate) fn measure(&self) -> f32 {
        self.width - 2.0 * self.margin
    }

    pub(crate) fn right(&self) -> f32 {
        self.width - self.margin
    }
}

/// A node of the tag tree.
pub(crate) type NodeId = usize;

/// What a part of the page is, to those who do not see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    Document,
    Section,
    Heading(u16, String),
    Paragraph,
    Table(String),
    TableHead,
    TableBody,
    Row,
    ColumnHeader,
    RowHeader,
    Cell,
    Figure(String),
    List,
    Item,
    Label,
    Body,
    Link,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) role: Role,
    pub(crate) children: Vec<NodeId>,
    /// Where a figure is: page and area.
    pub(crate) place: Option<(usize, Area)>,
}

/// Which node a mark on the page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Node(NodeId),
    /// Rules, grounds, repeated heads: not part of what the page says.
    Decoration,
    Header,
    Footer,
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    Place { page: usize, y: f32 },
    Address(String),
}

#[derive(Debug)]
pub(crate) enum Op {
    Text { mark: Mark, x: f32, baseline: f32, line: Line, style: Style },
    Box { mark: Mark, area: Area, fill: Option<Colour>, stroke: Option<Colour> },
    Strokes { mark: Mark, lines: Vec<[f32; 4]>, width: f32, colour: Colour },
    Picture { mark: Mark, area: Area, sha256: String },
    Link { node: NodeId, area: Area, target: Target, words: String },
}

/// A heading, for the outline and the links on page 1.
#[derive(Debug, Clone)]
pub(crate) struct Bookmark {
    pub(crate) title: String,
    pub(crate) level: u16,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// Pages under construction.
pub(crate) struct Sheet {
    pub(crate) geometry: Geometry,
    pub(crate) pages: Vec<Vec<Op>>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) bookmarks: Vec<Bookmark>,
    /// Top of what comes next.
    pub(crate) y: f32,
    open: Vec<NodeId>,
}

impl Sheet {
    pub(crate) fn new(geometry: Geometry) -> Self {
        let root = Node { role: Role::Document, children: Vec::new(), place: None };
        Self {
            geometry,
            pages: vec![Vec::new()],
            nodes: vec![root],
            bookmarks: Vec::new(),
            y: geometry.margin,
            open: vec![0],
        }
    }

    pub(crate) fn page(&self) -> usize {
        self.pages.len() - 1
    }

    pub(crate) fn room(&self) -> f32 {
        self.geometry.bottom - self.y
    }

    pub(crate) fn new_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = self.geometry.top;
    }

    /// Goes to a new page unless `height` fits on this one; tells whether it did.
    pub(crate) fn ensure(&mut self, height: f32) -> bool {
        let broke = self.y + height > self.geometry.bottom && self.y > self.geometry.top;
        if broke {
            self.new_page();
        }
        broke
    }

    pub(crate) fn skip(&mut self, height: f32) {
        self.y += height;
    }

    // The tag tree.

    pub(crate) fn begin(&mut self, role: Role) -> NodeId {
        let node = self.nodes.len();
        self.nodes.push(Node { role, children: Vec::new(), place: None });
        let parent = self.current();
        self.nodes[parent].children.push(node);
        self.open.push(node);
        node
    }

    pub(crate) fn end(&mut self) {
        // The root stays open.
        if self.open.len() > 1 {
            self.open.pop();
        }
    }

    pub(crate) fn within(&mut self, role: Role, fill: impl FnOnce(&mut Self)) {
        self.begin(role);
        fill(self);
        self.end();
    }

    pub(crate) fn current(&self) -> NodeId {
        self.open.last().copied().unwrap_or(0)
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark::Node(self.current())
    }

    // Drawing on the present page.

    pub(crate) fn draw(&mut self, op: Op) {
        let page = self.page();
        self.pages[page].push(op);
    }

    /// A line with its top at `top`.
    pub(crate) fn text(&mut self, mark: Mark, x: f32, top: f32, line: Line, style: Style) {
        self.draw(Op::Text { mark, x, baseline: top + style.drop(), line, style });
    }

    /// A line that ends at `right`.
    pub(crate) fn text_right(&mut self, mark: Mark, right: f32, top: f32, line: Line, style: Style) {
        let x = right - line.width;
        self.text(mark, x, top, line, style);
    }

    pub(crate) fn fill(&mut self, area: Area, colour: Colour) {
        self.draw(Op::Box { mark: Mark::Decoration, area, fill: Some(colour), stroke: None });
    }

    /// A horizontal rule over the measure.
    pub(crate) fn rule(&mut self, y: f32, width: f32, colour: Colour) {
        let (left, right) = (self.geometry.margin, self.geometry.right());
        self.draw(Op::Strokes { mark: Mark::Decoration, lines: vec![[left, y, right, y]], width, colour });
    }

    // Text that flows.

    /// Lines of the current node, each kept whole, over pages where they must.
    pub(crate) fn lines(&mut self, lines: Vec<Line>, style: Style, x: f32) {
        for line in lines {
            self.ensure(style.lead);
            let (mark, y) = (self.mark(), self.y);
            self.text(mark, x, y, line, style);
            self.y += style.lead;
        }
    }

    /// A paragraph between the margins, no wider than reads well.
    pub(crate) fn paragraph(&mut self, text: &str, style: Style) {
        let width = self.geometry.measure().min(style.size * 46.0);
        let lines = wrap_prose(text, style, width);
        let x = self.geometry.margin;
        self.within(Role::Paragraph, |sheet| sheet.lines(lines, style, x));
    }

    /// Title of a section, with room for at least `follows` points below it on the same page. A rule parts it from the
    /// section before; at the top of a page the head's rule is enough.
    pub(crate) fn title(&mut self, title: &str, follows: f32) {
        const ABOVE: f32 = 28.0;
        let fresh = self.ensure(ABOVE + TITLE.lead + 10.0 + follows) || self.y <= self.geometry.top;
        if !fresh {
            self.skip(ABOVE);
            let y = self.y;
            self.rule(y, 0.8, TITLE.colour);
            self.skip(8.0);
        }
        self.heading_line(title, TITLE, 2);
        self.skip(6.0);
    }

    /// Terms in a narrow column, explanations in a wide one no wider than reads well.
    pub(crate) fn terms<T: AsRef<str>>(&mut self, entries: &[(T, T)], term: (f32, Style), text: Style, gap: f32) {
        let (column, bold) = term;
        let left = self.geometry.margin;
        let width = (self.geometry.measure() - column).min(text.size * 38.0);
        self.begin(Role::List);
        for (name, explanation) in entries {
            let names = wrap(name.as_ref(), bold, column - 12.0);
            let lines = wrap_prose(explanation.as_ref(), text, width);
            self.ensure(text.lead * lines.len().max(names.len()) as f32);
            let top = self.y;
            let below = top + bold.lead * names.len() as f32;
            self.begin(Role::Item);
            self.within(Role::Label, |sheet| {
                for (i, line) in names.into_iter().enumerate() {
                    let mark = sheet.mark();
                    sheet.text(mark, left, top + bold.lead * i as f32, line, bold);
                }
            });
            self.within(Role::Body, |sheet| sheet.lines(lines, text, left + column));
            self.end();
            self.y = self.y.max(below) + gap;
        }
        self.end();
    }

    /// Small heading within a section or on page 1.
    pub(crate) fn heading(&mut self, title: &str, level: u16, follows: f32) {
        self.ensure(HEADING.lead + 3.0 + follows);
        self.heading_line(title, HEADING, level);
        self.skip(3.0);
    }

    fn heading_line(&mut self, title: &str, style: Style, level: u16) {
        let bookmark = Bookmark { title: title.to_owned(), level, page: self.page(), y: self.y };
        self.bookmarks.push(bookmark);
        let (x, y) = (self.geometry.margin, self.y);
        self.within(Role::Heading(level, title.to_owned()), |sheet| {
            let mark = sheet.mark();
            sheet.text(mark, x, y, line(title, style), style);
        });
        self.y += style.lead;
    }
}
