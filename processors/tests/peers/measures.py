"""Measures images with scikit-image, imagehash and Pillow, for comparison with ours.

    python measures.py FILE...      one line of JSON per file
    python measures.py --data       the folder of scikit-image's own pictures

Nothing here follows our code; only the definitions are the same: Rec. 601 luma, the Laplacian of scikit-image without
the outermost pixels after averaging whole blocks to at most 1,024 px, imagehash.phash.
"""

import json
import math
import sys

import imagehash
import numpy
import skimage.color
import skimage.data
import skimage.filters
import skimage.transform
from PIL import Image, ImageOps

WORKING_SIDE_PX = 1024


def upright_rgb(path):
    """The picture as a viewer shows it, transparency over white."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I;16") or image.mode == "I":
        image = Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def measure(path):
    image = upright_rgb(path)
    # Luminance 0 to 1 by the weights of Rec. 601: the Y of scikit-image's YUV.
    luminance = skimage.color.rgb2yuv(numpy.asarray(image))[..., 0] * 255
    block = math.ceil(max(luminance.shape) / WORKING_SIDE_PX)
    height, width = (side // block * block for side in luminance.shape)
    reduced = skimage.transform.downscale_local_mean(luminance[:height, :width], (block, block))
    laplacian = skimage.filters.laplace(reduced, ksize=3)[1:-1, 1:-1]
    rounded = numpy.rint(luminance)
    return {
        "file": path,
        "width_px": image.width,
        "height_px": image.height,
        "luminance_mean": float(luminance.mean()),
        "contrast": float(luminance.std()),
        "clipped_shadows": float((rounded <= 2).mean()),
        "clipped_highlights": float((rounded >= 253).mean()),
        "sharpness": float(laplacian.var()),
        "perceptual_hash": str(imagehash.phash(image)),
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--data"]:
        print(skimage.data.__path__[0])
    else:
        for argument in sys.argv[1:]:
            print(json.dumps(measure(argument)))
