"""What Useful Sensors published of Moonshine tiny: which packages, and which files of them."""

from pathlib import Path
from typing import NamedTuple

from earlet_quantize.sources import fetch_npm, fetch_wheel, read_member

# The tokenizer and the licence's text. MIT.
TOKENIZER_PACKAGE = "useful-moonshine-onnx==20251121"
TOKENIZER_ARCHIVE = "useful_moonshine_onnx-20251121-py3-none-any.whl"
TOKENIZER = "moonshine_onnx/assets/tokenizer.json"
TOKENIZER_SHA256 = "b68b995a58b3373db6c4f46864a9db50cd1333d086150ffa2c1096581ede9c10"
LICENSE = "useful_moonshine_onnx-20251121.dist-info/LICENSE"
LICENSE_SHA256 = "29f60769d1779eb7e196d96b8d2dd471d0263cf8200c79e55c0c00183971ee1b"


class Networks(NamedTuple):
    """A pair of graphs in an npm package. MIT."""

    package: str
    archive: str
    folder: str
    encoder_sha256: str
    decoder_sha256: str

    def fetch(self, cache: Path) -> tuple[bytes, bytes]:
        """Encoder and decoder, as files of ONNX."""
        archive = fetch_npm(self.package, cache, self.archive)
        encoder, decoder = (
            f"{self.folder}/encoder_model.onnx",
            f"{self.folder}/decoder_model_merged.onnx",
        )
        return (
            read_member(archive, encoder, sha256=self.encoder_sha256),
            read_member(archive, decoder, sha256=self.decoder_sha256),
        )


# Exported by their authors, in float32.
FLOAT = Networks(
    package="@usefulsensors/moonshine-js@0.1.2",
    archive="usefulsensors-moonshine-js-0.1.2.tgz",
    folder="package/dist/model/tiny/float",
    encoder_sha256="cbbf580f703b2af2137e0f6d14cd87f31cc67bd858bfd8715403a9489982d1a5",
    decoder_sha256="4131cef00b62942e9cdef691101f2cc7dbbcd828d71eee8c6c46c28fd051d6cb",
)
# The same in int8, as they publish them for use: what this recipe's result is measured against.
INT8 = Networks(
    package="@usefulsensors/moonshine-js@0.1.9",
    archive="usefulsensors-moonshine-js-0.1.9.tgz",
    folder="package/dist/model/tiny/quantized",
    encoder_sha256="c6fc4b7bc5af75c0591fd157a1f3829b533d18e9769a888fd95a62e470dd4f4a",
    decoder_sha256="eed87831c3a6103534aae7d47a5d485025c659a1323901513961c39fe8a1a367",
)


def fetch_tokenizer(cache: Path) -> tuple[bytes, bytes]:
    """The published `tokenizer.json` and licence."""
    archive = fetch_wheel(TOKENIZER_PACKAGE, cache, TOKENIZER_ARCHIVE)
    return (
        read_member(archive, TOKENIZER, sha256=TOKENIZER_SHA256),
        read_member(archive, LICENSE, sha256=LICENSE_SHA256),
    )
