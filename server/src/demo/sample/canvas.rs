//! A small software canvas: antialiased shapes, soft shadows and stroked text on floating-point pixels.
//!
//! Coordinates are in units chosen when the canvas is made (percent of the height for photographs, millimetres for
//! pages), so that a picture looks the same in every size.

use super::glyphs;

/// Linear light, red, green and blue, 1.0 is white.
pub type Rgb = [f32; 3];
/// A place on the canvas, in units.
pub type Point = (f32, f32);

/// What a canvas is made of.
pub trait Pixel: Copy {
    /// This pixel with `over` laid on it.
    fn mix(self, over: Self, alpha: f32) -> Self;
    /// This pixel, so many times as bright.
    fn times(self, factor: f32) -> Self;
}

impl Pixel for f32 {
    fn mix(self, over: Self, alpha: f32) -> Self {
        self + (over - self) * alpha
    }

    fn times(self, factor: f32) -> Self {
        self * factor
    }
}

impl Pixel for Rgb {
    fn mix(self, over: Self, alpha: f32) -> Self {
        [self[0].mix(over[0], alpha), self[1].mix(over[1], alpha), self[2].mix(over[2], alpha)]
    }

    fn times(self, factor: f32) -> Self {
        [self[0] * factor, self[1] * factor, self[2] * factor]
    }
}

/// A colour as written in a style sheet, made linear (gamma 2.2).
pub fn rgb(hex: u32) -> Rgb {
    let channel = |shift: u32| ((hex >> shift & 255) as f32 / 255.0).powf(2.2);
    [channel(16), channel(8), channel(0)]
}

/// A smooth step from 0 at `low` to 1 at `high`.
pub fn smooth(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// An outline that knows how far a point is from it (negative inside).
#[derive(Clone, Debug)]
pub enum Shape {
    /// A rectangle by its corners, with rounded ones of radius `r`.
    Slab { x0: f32, y0: f32, x1: f32, y1: f32, r: f32 },
    /// An ellipse by its centre and half axes.
    Oval { x: f32, y: f32, rx: f32, ry: f32 },
    /// A line with round ends, `r` being half its width.
    Line { a: Point, b: Point, r: f32 },
    /// A polygon.
    Polygon(Vec<Point>),
}

/// A rectangle with rounded corners by place and size.
pub fn slab(x: f32, y: f32, width: f32, height: f32, r: f32) -> Shape {
    Shape::Slab { x0: x, y0: y, x1: x + width, y1: y + height, r }
}

/// An ellipse by centre and half axes.
pub fn oval(x: f32, y: f32, rx: f32, ry: f32) -> Shape {
    Shape::Oval { x, y, rx, ry }
}

/// A line from `a` to `b` of half width `r`.
pub fn line(a: Point, b: Point, r: f32) -> Shape {
    Shape::Line { a, b, r }
}

impl Shape {
    fn bounds(&self, margin: f32) -> [f32; 4] {
        let [x0, y0, x1, y1] = match self {
            Self::Slab { x0, y0, x1, y1, .. } => [*x0, *y0, *x1, *y1],
            Self::Oval { x, y, rx, ry } => [x - rx, y - ry, x + rx, y + ry],
            Self::Line { a, b, r } => [a.0.min(b.0) - r, a.1.min(b.1) - r, a.0.max(b.0) + r, a.1.max(b.1) + r],
            Self::Polygon(points) => {
                points.iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |[x0, y0, x1, y1], &(x, y)| {
                    [x0.min(x), y0.min(y), x1.max(x), y1.max(y)]
                })
            }
        };
        [x0 - margin, y0 - margin, x1 + margin, y1 + margin]
    }

    #[inline(always)]
    fn distance(&self, px: f32, py: f32) -> f32 {
        match self {
            Self::Slab { x0, y0, x1, y1, r } => {
                let dx = (px - (x0 + x1) * 0.5).abs() - (x1 - x0) * 0.5 + r;
                let dy = (py - (y0 + y1) * 0.5).abs() - (y1 - y0) * 0.5 + r;
                let outside = (dx.max(0.0).powi(2) + dy.max(0.0).powi(2)).sqrt();
                outside + dx.max(dy).min(0.0) - r
            }
            Self::Oval { x, y, rx, ry } => {
                let (ux, uy) = ((px - x) / rx, (py - y) / ry);
                let length = (ux * ux + uy * uy).sqrt();
                let slope = ((ux / rx).powi(2) + (uy / ry).powi(2)).sqrt();
                if slope < 1e-6 { -rx.min(*ry) } else { length * (length - 1.0) / slope }
            }
            Self::Line { a, b, r } => to_segment(px, py, *a, *b).sqrt() - r,
            Self::Polygon(points) => to_polygon(px, py, points),
        }
    }
}

fn to_segment(px: f32, py: f32, a: Point, b: Point) -> f32 {
    let (dx, dy, ex, ey) = (px - a.0, py - a.1, b.0 - a.0, b.1 - a.1);
    let t = ((dx * ex + dy * ey) / (ex * ex + ey * ey).max(1e-9)).clamp(0.0, 1.0);
    (dx - ex * t).powi(2) + (dy - ey * t).powi(2)
}

fn to_polygon(px: f32, py: f32, points: &[Point]) -> f32 {
    let mut nearest = f32::MAX;
    let mut inside = false;
    let mut before = points[points.len() - 1];
    for &point in points {
        nearest = nearest.min(to_segment(px, py, before, point));
        if (point.1 > py) != (before.1 > py) {
            let crossing = point.0 + (py - point.1) / (before.1 - point.1) * (before.0 - point.0);
            inside ^= px < crossing;
        }
        before = point;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

/// How text is written.
#[derive(Clone, Copy, Debug)]
pub struct Pen {
    /// Height of a capital, in units.
    pub height: f32,
    /// Half the stroke's width, in units.
    pub weight: f32,
    /// How far the top leans to the right, as a part of the height.
    pub slant: f32,
}

impl Pen {
    /// An upright pen whose stroke fits its height.
    pub fn plain(height: f32) -> Self {
        Self { height, weight: height * 0.065, slant: 0.0 }
    }

    /// The same with a heavier stroke.
    pub fn bold(height: f32) -> Self {
        Self { height, weight: height * 0.11, slant: 0.0 }
    }
}

/// A picture being drawn.
pub struct Canvas<P> {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The pixels, row by row.
    pub pixels: Vec<P>,
    scale: f32,
    tilt: (f32, f32),
}

impl<P: Pixel> Canvas<P> {
    /// An even canvas of so many pixels, `units` high.
    pub fn new(width: usize, height: usize, units: f32, ground: P) -> Self {
        let pixels = vec![ground; width * height];
        Self { width, height, pixels, scale: height as f32 / units, tilt: (0.0, 1.0) }
    }

    /// The width in units.
    pub fn across(&self) -> f32 {
        self.width as f32 / self.scale
    }

    /// The height in units.
    pub fn down(&self) -> f32 {
        self.height as f32 / self.scale
    }

    /// From now on lines, quads and text are turned about the centre by an angle in radians.
    pub fn tilt(&mut self, angle: f32) {
        self.tilt = angle.sin_cos();
    }

    fn tilted(&self, (x, y): Point) -> Point {
        let (sin, cos) = self.tilt;
        let (cx, cy) = (self.across() * 0.5, self.down() * 0.5);
        (cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos)
    }

    /// Recomputes every pixel of an area `[x0, y0, x1, y1]` from its place and what is there.
    #[inline(always)]
    pub fn paint(&mut self, area: [f32; 4], new: impl Fn(f32, f32, P) -> P) {
        let unit = 1.0 / self.scale;
        let low = |v: f32, max: usize| ((v * self.scale).floor().max(0.0) as usize).min(max);
        let high = |v: f32, max: usize| ((v * self.scale).ceil().max(0.0) as usize).min(max);
        let (left, right) = (low(area[0], self.width), high(area[2], self.width));
        let (top, bottom) = (low(area[1], self.height), high(area[3], self.height));
        for row in top..bottom {
            let y = (row as f32 + 0.5) * unit;
            let pixels = &mut self.pixels[row * self.width + left..row * self.width + right.max(left)];
            for (column, pixel) in pixels.iter_mut().enumerate() {
                *pixel = new(((left + column) as f32 + 0.5) * unit, y, *pixel);
            }
        }
    }

    /// Recomputes the whole picture.
    #[inline(always)]
    pub fn wash(&mut self, new: impl Fn(f32, f32, P) -> P) {
        self.paint([0.0, 0.0, self.across(), self.down()], new);
    }

    /// Fills a shape with what `paint` says for each place, letting `1 - alpha` of the ground through.
    #[inline(always)]
    pub fn glaze(&mut self, shape: &Shape, alpha: f32, paint: impl Fn(f32, f32) -> P) {
        let scale = self.scale;
        self.paint(shape.bounds(1.0 / scale), |x, y, ground| {
            let cover = 0.5 - shape.distance(x, y) * scale;
            if cover <= 0.0 { ground } else { ground.mix(paint(x, y), cover.min(1.0) * alpha) }
        });
    }

    /// Fills a shape with what `paint` says for each place.
    #[inline(always)]
    pub fn fill(&mut self, shape: &Shape, paint: impl Fn(f32, f32) -> P) {
        self.glaze(shape, 1.0, paint);
    }

    /// Fills a shape evenly.
    pub fn solid(&mut self, shape: &Shape, colour: P) {
        self.glaze(shape, 1.0, |_, _| colour);
    }

    /// Darkens the ground under a shape that stands `offset` away, with a soft edge.
    pub fn shadow(&mut self, shape: &Shape, offset: Point, softness: f32, strength: f32) {
        let [x0, y0, x1, y1] = shape.bounds(softness);
        let area = [x0 + offset.0, y0 + offset.1, x1 + offset.0, y1 + offset.1];
        self.paint(area, |x, y, ground| {
            let distance = shape.distance(x - offset.0, y - offset.1);
            ground.times(1.0 - strength * (1.0 - smooth(-softness, softness, distance)))
        });
    }

    /// A straight line of half width `r`.
    pub fn line(&mut self, a: Point, b: Point, r: f32, colour: P) {
        let shape = Shape::Line { a: self.tilted(a), b: self.tilted(b), r };
        self.solid(&shape, colour);
    }

    /// A line through all the points.
    pub fn path(&mut self, points: &[Point], r: f32, colour: P) {
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], r, colour);
        }
    }

    /// A filled rectangle by place and size.
    pub fn block(&mut self, x: f32, y: f32, width: f32, height: f32, colour: P) {
        let corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
        let shape = Shape::Polygon(corners.iter().map(|&corner| self.tilted(corner)).collect());
        self.solid(&shape, colour);
    }

    /// The shadow of a tilted rectangle by place and size.
    pub fn tilted_shadow(&mut self, x: f32, y: f32, width: f32, height: f32, offset: Point) {
        let corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)];
        let shape = Shape::Polygon(corners.iter().map(|&corner| self.tilted(corner)).collect());
        self.shadow(&shape, offset, 5.0, 0.65);
    }

    /// The outline of a rectangle by place and size.
    pub fn frame(&mut self, x: f32, y: f32, width: f32, height: f32, r: f32, colour: P) {
        self.path(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)], r, colour);
    }

    /// Writes text with its baseline at `y`; gives back where it ends.
    pub fn text(&mut self, x: f32, y: f32, text: &str, pen: Pen, colour: P) -> f32 {
        let step = pen.height / 6.0;
        let mut left = x;
        for letter in text.chars() {
            let (strokes, advance) = glyphs::strokes(letter);
            for stroke in strokes.split(' ').filter(|stroke| !stroke.is_empty()) {
                let mut from = None;
                for pair in stroke.as_bytes().chunks_exact(2) {
                    let up = 6.0 - f32::from(pair[1] - b'0');
                    let to = (left + (f32::from(pair[0] - b'0') + up * pen.slant) * step, y - up * step);
                    if let Some(from) = from {
                        self.line(from, to, pen.weight, colour);
                    }
                    from = Some(to);
                }
            }
            left += advance * step;
        }
        left
    }
}

impl Canvas<Rgb> {
    /// Adds light around a point, fading with the distance.
    pub fn glow(&mut self, (cx, cy): Point, radius: f32, light: Rgb) {
        self.paint([cx - radius, cy - radius, cx + radius, cy + radius], |x, y, ground| {
            let near = 1.0 - (((x - cx).powi(2) + (y - cy).powi(2)).sqrt() / radius).min(1.0);
            let fade = near * near;
            [ground[0] + light[0] * fade, ground[1] + light[1] * fade, ground[2] + light[2] * fade]
        });
    }

    /// Softens the whole picture as a lens out of focus does: three box blurs are nearly a Gaussian.
    pub fn blur(&mut self, radius: usize) {
        let mut turned = vec![[0.0; 3]; self.pixels.len()];
        for _ in 0..3 {
            blur_and_turn(&self.pixels, &mut turned, self.width, radius);
            blur_and_turn(&turned, &mut self.pixels, self.height, radius);
        }
    }

    /// Covers this canvas with a smaller picture, enlarged: a background out of focus at a fraction of the cost.
    pub fn cover(&mut self, small: &Canvas<Rgb>) {
        let (fx, fy) = (small.width as f32 / self.width as f32, small.height as f32 / self.height as f32);
        for row in 0..self.height {
            let y = ((row as f32 + 0.5) * fy - 0.5).clamp(0.0, small.height as f32 - 1.001);
            for column in 0..self.width {
                let x = ((column as f32 + 0.5) * fx - 0.5).clamp(0.0, small.width as f32 - 1.001);
                let (left, top) = (x as usize, y as usize);
                let (at, share) = (top * small.width + left, x - left as f32);
                let above = small.pixels[at].mix(small.pixels[at + 1], share);
                let below = small.pixels[at + small.width].mix(small.pixels[at + small.width + 1], share);
                self.pixels[row * self.width + column] = above.mix(below, y - top as f32);
            }
        }
    }
}

/// Averages each row over `2 * radius + 1` pixels and writes it as a column.
fn blur_and_turn(from: &[Rgb], to: &mut [Rgb], width: usize, radius: usize) {
    let height = from.len() / width;
    let share = 1.0 / (2 * radius + 1) as f32;
    for (row, pixels) in from.chunks_exact(width).enumerate() {
        let at = |column: isize| pixels[column.clamp(0, width as isize - 1) as usize];
        let add = |sum: Rgb, p: Rgb, sign: f32| [sum[0] + sign * p[0], sum[1] + sign * p[1], sum[2] + sign * p[2]];
        let radius = radius as isize;
        let mut sum = (-radius..=radius).fold([0.0; 3], |sum, column| add(sum, at(column), 1.0));
        for column in 0..width as isize {
            to[column as usize * height + row] = sum.times(share);
            sum = add(add(sum, at(column + radius + 1), 1.0), at(column - radius), -1.0);
        }
    }
}
