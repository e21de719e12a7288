//! Photographs: scenes of a study site, drawn, lit and taken with seeded variety and the faults of real ones.

mod clinic;
mod equipment;
mod supplies;

use super::canvas::{Canvas, Pixel, Rgb, rgb};
use super::dice::Dice;
use super::lens::{Held, Lens, Picture, develop, jpeg};

/// What a photograph shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A shelf with cartons, bottles and binders.
    Shelf,
    /// Vials on a bench.
    Vials,
    /// A patient monitor.
    Monitor,
    /// The medication refrigerator.
    Refrigerator,
    /// A ward room.
    Ward,
    /// A rack of sample tubes from above.
    Rack,
    /// The investigational device on a drape.
    Device,
    /// An instrument panel.
    Panel,
    /// A hospital corridor.
    Corridor,
    /// A device carton with its label.
    Carton,
}

/// All scenes, in the order in which the sample goes round them.
pub const SCENES: [Scene; 10] = [
    Scene::Shelf,
    Scene::Monitor,
    Scene::Corridor,
    Scene::Vials,
    Scene::Rack,
    Scene::Ward,
    Scene::Device,
    Scene::Refrigerator,
    Scene::Carton,
    Scene::Panel,
];

/// What went wrong when a photograph was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Out of focus.
    Blurred,
    /// Far too dark.
    Dark,
    /// Burnt out.
    Overexposed,
    /// A thumbnail sent by mistake.
    Tiny,
}

/// The colours and the light of a room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    pub wall: Rgb,
    pub floor: Rgb,
    pub wood: Rgb,
    pub accent: Rgb,
    pub light: Rgb,
    pub ambient: f32,
}

fn moods() -> [Mood; 8] {
    let mood = |wall, floor, wood, accent, light: Rgb, ambient| Mood {
        wall: rgb(wall),
        floor: rgb(floor),
        wood: rgb(wood),
        accent: rgb(accent),
        light,
        ambient,
    };
    [
        mood(0xe6ecee, 0x9fb0b8, 0xc9b295, 0x1f7a8c, [1.0, 1.03, 1.08], 0.45),
        mood(0xf1e6d3, 0xb08d6a, 0xa9744a, 0xc8553d, [1.18, 1.0, 0.78], 0.35),
        mood(0xd7e8dc, 0x8fa89a, 0xd8c3a0, 0x2d6a4f, [1.0, 1.06, 0.98], 0.45),
        mood(0xb9cbe0, 0x6d7f99, 0x8d97a8, 0x274c77, [0.82, 0.95, 1.2], 0.30),
        mood(0xeadfc8, 0xbfae90, 0xbb8f5c, 0xe09f3e, [1.12, 1.02, 0.86], 0.42),
        mood(0xded7ea, 0x9b93ad, 0xb7a5b9, 0x6d597a, [1.04, 0.98, 1.08], 0.40),
        mood(0xe9d5ca, 0xa67f6f, 0x7f5539, 0x9c3d2f, [1.15, 0.98, 0.84], 0.34),
        mood(0xf3f4f1, 0xc4c9c7, 0xe2ddd2, 0x3a86c8, [1.04, 1.03, 1.0], 0.55),
    ]
}

/// Draws and takes one photograph; gives the JPEG file.
pub fn photograph(scene: Scene, fault: Fault, held: Held, dice: &mut Dice) -> Vec<u8> {
    jpeg(&picture(scene, fault, dice), held)
}

fn picture(scene: Scene, fault: Fault, dice: &mut Dice) -> Picture {
    const SIZES: [(usize, usize); 9] =
        [(800, 600), (800, 600), (800, 600), (800, 600), (800, 600), (960, 720), (960, 720), (1024, 768), (1600, 1200)];
    let (width, height) = if fault == Fault::Tiny { (96, 72) } else { dice.pick(&SIZES) };
    let mood = dice.pick(&moods());
    let mut canvas = Canvas::new(width, height, 100.0, mood.wall);
    let draw = match scene {
        Scene::Shelf => supplies::shelf,
        Scene::Vials => supplies::vials,
        Scene::Monitor => equipment::monitor,
        Scene::Refrigerator => clinic::refrigerator,
        Scene::Ward => clinic::ward,
        Scene::Rack => supplies::rack,
        Scene::Device => equipment::device,
        Scene::Panel => equipment::panel,
        Scene::Corridor => clinic::corridor,
        Scene::Carton => supplies::carton,
    };
    draw(&mut canvas, dice, &mood);
    if fault == Fault::Blurred {
        canvas.blur(width / dice.whole(90, 160));
    }
    let exposure = match fault {
        Fault::Dark => dice.between(0.025, 0.06),
        Fault::Overexposed => dice.between(4.5, 7.0),
        Fault::None | Fault::Blurred | Fault::Tiny => dice.between(0.92, 1.2),
    };
    let noise = if fault == Fault::Dark { 6.0 } else { dice.between(1.0, 2.6) };
    let lens = Lens {
        exposure,
        light_at: (canvas.across() * dice.between(0.15, 0.85), dice.between(5.0, 45.0)),
        light: mood.light.times(1.12),
        ambient: mood.ambient,
        noise,
        seed: dice.bits(),
    };
    develop(&canvas, &lens)
}

/// A small canvas on which a background is drawn that will be out of focus.
pub(super) fn backdrop(canvas: &Canvas<Rgb>, ground: Rgb) -> Canvas<Rgb> {
    Canvas::new(canvas.width.div_ceil(6).max(16), canvas.height.div_ceil(6).max(12), 100.0, ground)
}

/// `from` at 0, `to` at 1.
pub(super) fn blend(from: Rgb, to: Rgb, share: f32) -> Rgb {
    from.mix(to, share.clamp(0.0, 1.0))
}

/// The colours of things one buys for a hospital.
pub(super) fn supply_colours() -> [Rgb; 12] {
    [
        0x1d6fa5, 0x2a9d8f, 0xe76f51, 0xf4a261, 0x264653, 0x8ab17d, 0xb5179e, 0xd62828, 0x457b9d, 0xe9c46a, 0x6a4c93,
        0x52796f,
    ]
    .map(rgb)
}
