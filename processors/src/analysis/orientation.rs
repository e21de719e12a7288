//! EXIF orientation: how stored pixels are turned to stand upright.

use exif::{In, Reader, Tag};

/// One of the eight orientations of EXIF 2.32, section 4.6.4 A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u8);

impl Orientation {
    pub(super) const UPRIGHT: Self = Self(1);

    /// From the value of the EXIF tag; unknown values mean upright, as viewers take them.
    pub(super) fn new(value: u32) -> Self {
        u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).map_or(Self::UPRIGHT, Self)
    }

    /// From EXIF data (a TIFF structure); damaged data mean upright.
    pub(super) fn from_exif(data: &[u8]) -> Self {
        let Ok(exif) = Reader::new().read_raw(data.to_vec()) else { return Self::UPRIGHT };
        let value = exif.get_field(Tag::Orientation, In::PRIMARY).and_then(|field| field.value.get_uint(0));
        value.map_or(Self::UPRIGHT, Self::new)
    }

    pub(super) fn value(self) -> u8 {
        self.0
    }

    /// Width and height of the upright image.
    pub(super) fn upright(self, width: u32, height: u32) -> (u32, u32) {
        if self.0 >= 5 { (height, width) } else { (width, height) }
    }

    /// Turns a small image upright.
    pub(super) fn apply(self, width: u32, height: u32, channels: usize, pixels: &[u8]) -> Vec<u8> {
        let (upright_width, upright_height) = self.upright(width, height);
        let (width, height) = (width as usize, height as usize);
        let mut turned = Vec::with_capacity(pixels.len());
        for y in 0..upright_height as usize {
            for x in 0..upright_width as usize {
                let (column, row) = match self.0 {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, height - 1 - x),
                    7 => (width - 1 - y, height - 1 - x),
                    8 => (width - 1 - y, x),
                    _ => (x, y),
                };
                let start = (row * width + column) * channels;
                turned.extend_from_slice(&pixels[start..start + channels]);
            }
        }
        turned
    }
}
