//! Scanned paper: forms, logs and letters with handwriting, signatures and stamps, a little askew on the glass.

use jiff::civil::Date;

use super::canvas::{Canvas, Pen, Point, smooth};
use super::dice::{Dice, cloud};
use super::lens::{grey, grey_jpeg, png};
use super::places::Site;
use super::wording;

/// What is on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A consent form: text, boxes, signatures.
    Consent,
    /// Who may do what at the site: a table of names and initials.
    Delegation,
    /// A temperature log filled in by hand.
    Temperatures,
    /// A letter of the ethics committee with its stamp.
    Letter,
    /// An adverse event form with boxes and handwriting.
    AdverseEvent,
}

/// How the page was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// As it should be.
    Well,
    /// So faint that it can hardly be read.
    Faint,
    /// As a JPEG.
    AsJpeg,
}

const WIDTH: usize = 1240;
const HEIGHT: usize = 1754;
/// Millimetres of an A4 page.
const ACROSS: f32 = 210.0;
const DOWN: f32 = 297.0;
/// The side of the square of paper fibres that is repeated, in pixels.
const TILE: usize = 256;

struct Page<'a> {
    canvas: Canvas<f32>,
    dice: &'a mut Dice,
    /// Reflectance of the printer's ink and of the pen, 0 is black.
    print: f32,
    hand: f32,
}

/// Draws and scans one page of A4 at 150 dpi; gives a PNG or JPEG file with 8 bits of grey.
pub fn scan(form: Form, scanned: Scanned, site: &Site, date: Date, dice: &mut Dice) -> Vec<u8> {
    let faint = scanned == Scanned::Faint;
    let mut canvas = Canvas::new(WIDTH, HEIGHT, DOWN, 1.0);
    canvas.tilt(dice.between(-0.022, 0.022));
    let mut page = Page { canvas, dice, print: if faint { 0.8 } else { 0.1 }, hand: if faint { 0.84 } else { 0.25 } };
    match form {
        Form::Consent => consent(&mut page, site, date),
        Form::Delegation => delegation(&mut page, site),
        Form::Temperatures => temperatures(&mut page, site, date),
        Form::Letter => letter(&mut page, site, date),
        Form::AdverseEvent => adverse_event(&mut page, site, date),
    }
    page.wear();
    let pixels = grey(&page.canvas);
    match scanned {
        Scanned::AsJpeg => grey_jpeg(&pixels, WIDTH, HEIGHT),
        Scanned::Well | Scanned::Faint => png(&pixels, WIDTH, HEIGHT, png::ColorType::Grayscale),
    }
}

impl Page<'_> {
    fn heading(&mut self, title: &str, site: &Site) {
        let ink = self.print;
        self.canvas.text(20.0, 22.0, "ACME-101", Pen::bold(4.2), ink);
        let place = format!("Site {}  {}", site.code, site.city);
        self.canvas.text(120.0, 22.0, &place, Pen::plain(2.8), ink);
        self.canvas.line((20.0, 26.0), (190.0, 26.0), 0.25, ink);
        self.canvas.text(20.0, 37.0, title, Pen::bold(5.4), ink);
        self.canvas.text(20.0, 286.0, "ACME-101  Confidential  Version 3.0", Pen::plain(2.0), ink);
        let number = format!("Page {} of 4", self.dice.whole(1, 4));
        self.canvas.text(168.0, 286.0, &number, Pen::plain(2.0), ink);
    }

    /// Sentences set as paragraphs from `y` on; gives back where they end.
    fn paragraphs(&mut self, mut y: f32, count: usize, sentences: &[&str]) -> f32 {
        for _ in 0..count {
            let start = self.dice.whole(0, sentences.len() - 1);
            let length = self.dice.whole(3, 5);
            let words = sentences.iter().cycle().skip(start).take(length).flat_map(|sentence| sentence.split(' '));
            let (mut x, mut line) = (20.0, String::new());
            for word in words {
                // An average letter of this font is 0.72 capitals wide.
                if x + (line.len() + word.len()) as f32 * 1.62 > 190.0 {
                    self.canvas.text(20.0, y, &line, Pen::plain(2.2), self.print);
                    (x, y) = (20.0, y + 4.4);
                    line.clear();
                }
                line.push_str(word);
                line.push(' ');
            }
            self.canvas.text(20.0, y, &line, Pen::plain(2.2), self.print);
            y += 8.0;
        }
        y
    }

    /// A word or two of handwriting: a pen that runs on in arches and loops.
    fn scribble(&mut self, (x, y): Point, width: f32, size: f32) {
        let (mut points, mut at) = (Vec::new(), 0.0);
        let (mut phase, mut tall) = (0.0f32, 1.0);
        while at < width {
            phase += 0.55;
            at += size * 0.11 + phase.cos() * size * 0.05;
            if phase.sin() > 0.95 {
                tall = if self.dice.chance(0.25) { 2.1 } else { self.dice.between(0.7, 1.1) };
            }
            points.push((x + at + size * 0.2 * phase.sin(), y - size * 0.42 * (1.0 + phase.sin()) * tall));
            if self.dice.chance(0.015) {
                self.canvas.path(&points, 0.2, self.hand);
                points.clear();
                at += size * 0.5;
            }
        }
        self.canvas.path(&points, 0.2, self.hand);
    }

    /// A signature: large loops that die away, and a stroke under them.
    fn signature(&mut self, (x, y): Point, width: f32) {
        let loops = self.dice.between(4.0, 7.5);
        let (lean, swing) = (self.dice.between(0.3, 0.9), self.dice.between(4.5, 7.0));
        let rough = self.dice.bits() as u32;
        let points: Vec<Point> = (0..160)
            .map(|step| step as f32 / 159.0)
            .map(|t| {
                let angle = t * loops * std::f32::consts::TAU;
                let size = swing * (1.0 - 0.75 * t) * (0.6 + 0.8 * cloud(rough, t * 9.0, 0.0));
                let rise = angle.sin() * size * if t < 0.12 { 1.5 } else { 0.7 };
                (x + t * width + angle.cos() * size * 0.55 + rise * lean * 0.4, y - 2.0 - rise)
            })
            .collect();
        for (step, pair) in points.windows(2).enumerate() {
            let pressure = 0.17 + 0.2 * cloud(rough ^ 1, step as f32 * 0.13, 1.0);
            self.canvas.line(pair[0], pair[1], pressure, self.hand);
        }
        let tail = self.dice.between(0.7, 1.05);
        self.canvas.path(
            &[(x + width, y - 2.0), (x + width * 0.5, y + 1.6), (x + width * tail, y + 0.6)],
            0.2,
            self.hand,
        );
    }

    fn handwritten(&mut self, x: f32, y: f32, text: &str, height: f32) {
        let (x, y) = (x + self.dice.between(-0.5, 0.5), y + self.dice.between(-0.4, 0.4));
        let pen = Pen { height: height * self.dice.between(0.9, 1.1), weight: 0.2, slant: self.dice.between(0.1, 0.3) };
        self.canvas.text(x, y, text, pen, self.hand);
    }

    fn check_box(&mut self, x: f32, y: f32, label: &str) {
        self.canvas.frame(x, y - 3.6, 3.8, 3.8, 0.16, self.print);
        if self.dice.chance(0.6) {
            let reach = self.dice.between(3.8, 5.4);
            self.canvas.path(&[(x + 0.4, y - 2.2), (x + 1.6, y - 0.5), (x + reach, y - 5.0)], 0.3, self.hand);
        }
        self.canvas.text(x + 6.5, y - 0.4, label, Pen::plain(2.4), self.print);
    }

    fn table(&mut self, top: f32, heads: &[(&str, f32)], rows: usize, pitch: f32) {
        let (left, right) = (20.0, 190.0);
        let bottom = top + pitch * (rows + 1) as f32;
        let ground = 1.0 - (1.0 - self.print) * 0.13;
        self.canvas.block(left, top, right - left, pitch, ground);
        for row in 0..=rows + 1 {
            let y = top + pitch * row as f32;
            self.canvas.line((left, y), (right, y), 0.12, self.print);
        }
        for &(head, x) in heads {
            self.canvas.line((x, top), (x, bottom), 0.12, self.print);
            self.canvas.text(x + 1.5, top + pitch * 0.66, head, Pen::bold(2.2), self.print);
        }
        self.canvas.line((right, top), (right, bottom), 0.12, self.print);
    }

    /// A round rubber stamp, unevenly inked.
    fn stamp(&mut self, (x, y): Point, words: [&str; 3]) {
        let ink = (self.print + 0.3).min(0.9);
        let r = self.dice.between(15.0, 19.0);
        let lean = self.dice.between(-0.3, 0.3);
        for (reach, weight) in [(r, 0.5), (r * 0.88, 0.2), (r * 0.58, 0.2)] {
            let ring: Vec<Point> = (0..=90)
                .map(|step| (step as f32 * 4.0).to_radians().sin_cos())
                .map(|(sin, cos)| (x + cos * reach, y + sin * reach))
                .collect();
            self.canvas.path(&ring, weight, ink);
        }
        for step in 0..24 {
            let (sin, cos) = (step as f32 * 15.0).to_radians().sin_cos();
            let (near, far) = if step % 3 == 0 { (0.64, 0.82) } else { (0.69, 0.77) };
            self.canvas.line(
                (x + cos * r * near, y + sin * r * near),
                (x + cos * r * far, y + sin * r * far),
                0.35,
                ink,
            );
        }
        for (row, word) in words.into_iter().enumerate() {
            let width = word.len() as f32 * r * 0.105;
            let at = (x - width * 0.5, y + (row as f32 - 0.6) * r * 0.24);
            self.canvas.text(at.0, at.1 + lean * 2.0, word, Pen::bold(r * 0.15), ink);
        }
        let patchy = self.dice.bits() as u32;
        self.canvas.paint([x - r * 1.1, y - r * 1.1, x + r * 1.1, y + r * 1.1], |px, py, ground| {
            let missing =
                smooth(0.55, 0.85, cloud(patchy, px * 0.4, py * 0.4) * 0.7 + cloud(patchy, px * 2.5, py * 2.5) * 0.3);
            ground + (1.0 - ground) * missing * smooth(0.2, 0.45, ground)
        });
    }

    /// Paper and glass: uneven light, fibres, folds, dust, the dark rim of a page that lies askew.
    fn wear(&mut self) {
        let (seed, dice) = (self.dice.bits() as u32, &mut *self.dice);
        let (paper, shade) = (dice.between(0.93, 0.985), dice.between(0.01, 0.05));
        let fold = if dice.chance(0.35) { DOWN / 3.0 } else { -50.0 };
        let (rim, punched) = (dice.between(0.3, 1.6), dice.chance(0.5));
        for _ in 0..dice.whole(10, 60) {
            let (x, y) = (dice.between(0.0, ACROSS), dice.between(0.0, DOWN));
            self.canvas.line((x, y), (x + 0.2, y), dice.between(0.05, 0.22), dice.between(0.4, 0.8));
        }
        if punched {
            for y in [DOWN * 0.5 - 40.0, DOWN * 0.5 + 40.0] {
                self.canvas.path(&[(11.0, y), (11.0, y)], 3.0, 0.5);
            }
        }
        // Row and column terms are made once: this touches two million pixels.
        let unit = DOWN / HEIGHT as f32;
        let columns: Vec<f32> = (0..WIDTH)
            .map(|column| column as f32 * unit)
            .map(|x| paper - shade * 0.5 * cloud(seed, x * 0.02, 0.0) - 0.35 * smooth(rim, 0.0, x))
            .collect();
        let fibres: Vec<f32> = (0..TILE * TILE)
            .map(|at| (cloud(seed ^ 2, (at % TILE) as f32 * 0.19, (at / TILE) as f32 * 0.19) - 0.5) * 0.012)
            .collect();
        for (row, pixels) in self.canvas.pixels.chunks_exact_mut(WIDTH).enumerate() {
            let y = row as f32 * unit;
            let crease = 0.05 * (smooth(0.5, 0.0, (y - fold).abs()) + smooth(0.5, 0.0, (y - fold * 2.0).abs()));
            let edge = 0.2 * smooth(rim * 2.0, 0.0, DOWN - y);
            let shaded = crease + edge + shade * 0.5 * cloud(seed ^ 1, 0.0, y * 0.02);
            let fibres = fibres[row % TILE * TILE..][..TILE].iter().cycle();
            for ((pixel, column), fibre) in pixels.iter_mut().zip(&columns).zip(fibres) {
                *pixel = (*pixel * (column + fibre - shaded)).clamp(0.0, 1.0);
            }
        }
    }
}

fn consent(page: &mut Page, site: &Site, date: Date) {
    page.heading("Informed consent", site);
    let end = page.paragraphs(48.0, 5, &wording::CONSENT);
    for (row, label) in wording::CONSENT_BOXES.iter().enumerate() {
        page.check_box(22.0, end + 6.0 + row as f32 * 7.5, label);
    }
    let y = (end + 66.0).min(262.0);
    for (x, who) in [(20.0, "Participant"), (112.0, "Investigator")] {
        page.canvas.line((x, y), (x + 74.0, y), 0.15, page.print);
        page.canvas.text(x, y + 4.5, who, Pen::plain(2.2), page.print);
        page.canvas.text(x + 48.0, y + 4.5, "Date", Pen::plain(2.2), page.print);
        let width = page.dice.between(24.0, 34.0);
        page.signature((x + 4.0, y - 1.0), width);
        page.handwritten(x + 48.0, y - 2.0, &date.strftime("%d.%m.%y").to_string(), 3.2);
    }
}

fn delegation(page: &mut Page, site: &Site) {
    page.heading("Delegation of duties log", site);
    let end = page.paragraphs(47.0, 1, &wording::DELEGATION);
    let heads = [("No", 20.0), ("Name", 32.0), ("Role", 84.0), ("Duties", 118.0), ("Initials", 152.0), ("From", 171.0)];
    let (rows, pitch, top) = (14, 11.5, end + 2.0);
    page.table(top, &heads, rows, pitch);
    let filled = page.dice.whole(7, 13);
    for row in 0..filled {
        let y = top + pitch * (row as f32 + 1.72);
        page.canvas.text(23.0, y, &(row + 1).to_string(), Pen::plain(2.4), page.print);
        let (name, initials) = (page.dice.between(28.0, 42.0), page.dice.between(6.0, 10.0));
        page.scribble((34.0, y), name, 2.6);
        let role = page.dice.pick(&["PI", "Sub-I", "Nurse", "Coordinator", "Pharmacist"]);
        page.handwritten(86.0, y, role, 3.0);
        let duties = format!("{}, {}, {}", page.dice.whole(1, 4), page.dice.whole(5, 8), page.dice.whole(9, 14));
        page.handwritten(120.0, y, &duties, 3.0);
        page.scribble((154.0, y), initials, 3.2);
        let from = format!("{}.{}.26", page.dice.whole(1, 28), page.dice.whole(1, 9));
        page.handwritten(172.0, y, &from, 2.7);
    }
    page.signature((124.0, 272.0), 36.0);
    page.canvas.line((120.0, 274.0), (190.0, 274.0), 0.15, page.print);
}

fn temperatures(page: &mut Page, site: &Site, date: Date) {
    page.heading("Refrigerator temperature log", site);
    page.canvas.text(
        20.0,
        47.0,
        &date.strftime("Month  %Y-%m   Range 2.0 to 8.0 °C").to_string(),
        Pen::plain(2.8),
        page.print,
    );
    let heads = [
        ("Day", 20.0),
        ("Min", 36.0),
        ("Max", 60.0),
        ("Now", 84.0),
        ("Time", 108.0),
        ("Initials", 132.0),
        ("Remark", 152.0),
    ];
    let (pitch, top) = (6.9, 53.0);
    page.table(top, &heads, 31, pitch);
    let filled = page.dice.whole(18, 31);
    for day in 1..=31 {
        let y = top + pitch * (day as f32 + 0.76);
        page.canvas.text(23.0, y, &format!("{day:02}"), Pen::plain(2.4), page.print);
        if day > filled || page.dice.chance(0.06) {
            continue;
        }
        let now = page.dice.between(3.2, 6.4);
        let (low, high) = (now - page.dice.between(0.2, 1.0), now + page.dice.between(0.3, 2.4));
        for (x, value) in [(39.0, low), (63.0, high), (87.0, now)] {
            page.handwritten(x, y, &format!("{value:.1}"), 3.2);
        }
        let (hour, minute) = (page.dice.whole(7, 9), page.dice.whole(0, 59));
        page.handwritten(110.0, y, &format!("{hour:02}:{minute:02}"), 3.0);
        let width = page.dice.between(6.0, 11.0);
        page.scribble((134.0, y), width, 2.4);
        if high > 8.0 {
            page.scribble((154.0, y), 26.0, 2.0);
        }
    }
}

fn letter(page: &mut Page, site: &Site, date: Date) {
    let ink = page.print;
    page.canvas.block(20.0, 16.0, 12.0, 12.0, ink);
    page.canvas.text(23.0, 25.0, "EC", Pen::bold(4.4), 0.97);
    page.canvas.text(36.0, 21.0, "Ethics Committee", Pen::bold(4.0), ink);
    page.canvas.text(36.0, 27.5, &format!("{}, {}", site.city, site.country), Pen::plain(2.6), ink);
    page.canvas.line((20.0, 32.0), (190.0, 32.0), 0.2, ink);
    for row in 0..4 {
        let width = page.dice.between(28.0, 52.0);
        page.canvas.line((20.0, 50.0 + row as f32 * 5.0), (20.0 + width, 50.0 + row as f32 * 5.0), 0.9, 0.62);
    }
    page.canvas.text(150.0, 50.0, &date.strftime("%d %b %Y").to_string(), Pen::plain(2.6), ink);
    page.canvas.text(20.0, 84.0, "ACME-101: favourable opinion", Pen::bold(3.6), ink);
    let paragraphs = page.dice.whole(4, 6);
    let end = page.paragraphs(96.0, paragraphs, &wording::LETTER);
    page.canvas.text(20.0, end + 6.0, "Yours sincerely", Pen::plain(2.4), ink);
    page.signature((24.0, end + 26.0), 40.0);
    page.canvas.text(20.0, end + 36.0, "Chair of the committee", Pen::plain(2.2), ink);
    let at = (page.dice.between(140.0, 166.0), (end + page.dice.between(16.0, 30.0)).min(262.0));
    let day = date.strftime("%d %b %Y").to_string().to_uppercase();
    page.stamp(at, ["APPROVED", &day, site.code]);
}

fn adverse_event(page: &mut Page, site: &Site, date: Date) {
    page.heading("Adverse event report", site);
    let labels = ["Subject number", "Event", "Onset", "End", "Relation to device", "Action taken", "Outcome"];
    let subject = format!("{}-{:03}", site.code, page.dice.whole(1, 40));
    for (row, label) in labels.into_iter().enumerate() {
        let y = 50.0 + row as f32 * 14.0;
        page.canvas.frame(20.0, y, 170.0, 12.0, 0.15, page.print);
        page.canvas.text(22.0, y + 4.2, label, Pen::plain(2.0), page.print);
        let width = page.dice.between(40.0, 100.0);
        match row {
            0 => page.handwritten(80.0, y + 9.2, &subject, 4.2),
            2 | 3 => page.handwritten(80.0, y + 9.2, &date.strftime("%Y-%m-%d").to_string(), 4.0),
            _ => page.scribble((62.0, y + 9.2), width, 3.4),
        }
    }
    for (column, label) in ["Mild", "Moderate", "Severe", "Serious"].into_iter().enumerate() {
        page.check_box(22.0 + column as f32 * 42.0, 160.0, label);
    }
    page.canvas.frame(20.0, 168.0, 170.0, 72.0, 0.15, page.print);
    page.canvas.text(22.0, 173.0, "Narrative", Pen::plain(2.0), page.print);
    for row in 0..page.dice.whole(4, 8) {
        let width = page.dice.between(90.0, 155.0);
        page.scribble((26.0, 183.0 + row as f32 * 7.6), width, 3.0);
    }
    page.canvas.line((112.0, 262.0), (186.0, 262.0), 0.15, page.print);
    page.signature((120.0, 260.0), 34.0);
    if page.dice.chance(0.6) {
        let day = date.strftime("%d %b %Y").to_string().to_uppercase();
        page.stamp((50.0, 258.0), ["RECEIVED", &day, "SAFETY"]);
    }
}
