"""How to embed with a model: in this process, or on a server."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.core.sealed import BrokenSealError, Sealed
from chalicelib.knowledge.embedding import builtin
from chalicelib.knowledge.embedding.remote import EmbeddingProviderError, RemoteEmbedder
from chalicelib.knowledge.embedding.sealed_columns import EMBEDDING_MODEL_KEYS
from chalicelib.knowledge.embedding.trainings import Training, training

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Recipe:
    """An embedding model: `dimension` of its `native_dimension` numbers, and where it runs.

    The key is sealed, as it is stored, or plain in `key` while it is being tested.
    """

    id: int
    provider: str
    model: str
    dimension: int
    native_dimension: int
    base_url: str | None = None
    ciphertext: bytes | None = None
    wrapped_key: bytes | None = None
    master_key: str | None = None
    query_prefix: str = ""
    document_prefix: str = ""
    key: str | None = field(default=None, repr=False)

    @property
    def training(self) -> Training:
        """How a built-in model was trained; what a model on a server is like is not known."""
        return training(self.model) if self.provider == "builtin" else Training()

    def embed(self, texts: Sequence[str], *, truncate: bool = False) -> "NDArray[np.float32]":
        """The embeddings of texts of documents, in their order: float32 (n, dimension), each row L2-normalised.

        With `truncate`, the tail of a long text is ignored. Raises EmbeddingProviderError (also when the key cannot be
        decrypted), TextTooLongError, ModelNotFoundError, Unavailable.
        """
        return self._shortened([self.document_prefix + text for text in texts], truncate=truncate)

    def embed_query(self, text: str) -> "NDArray[np.float32]":
        """The embedding of a query: float32 (dimension,). What the model cannot read is cut. Raises like `embed`."""
        query: NDArray[np.float32] = self._shortened([self.query_prefix + text], truncate=True)[0]
        return query

    def _shortened(self, texts: Sequence[str], *, truncate: bool) -> "NDArray[np.float32]":
        whole = self.native(texts, truncate=truncate)
        if len(texts) and whole.shape[1] != self.native_dimension:
            raise EmbeddingProviderError(
                f"{self.model} gave vectors of {whole.shape[1]} numbers; it had {self.native_dimension}.", passing=True
            )
        try:
            return builtin.shorten(whole.reshape(len(texts), self.native_dimension), self.dimension)
        except ValueError as error:
            raise EmbeddingProviderError(f"{self.model}: {error}", passing=False) from error

    def native(self, texts: Sequence[str], *, truncate: bool = False) -> "NDArray[np.float32]":
        """The model's own vectors, without shortening. Raises like `embed`."""
        if self.provider == "builtin":
            return builtin.load(self.model).embed(texts, truncate=truncate)
        return RemoteEmbedder(self.model, self.base_url or "", self._plain_key()).embed(texts, truncate=truncate)

    @property
    def sealed(self) -> Sealed | None:
        """The stored key, if there is one."""
        if self.ciphertext is None or self.wrapped_key is None or self.master_key is None:
            return None
        return Sealed(self.ciphertext, self.wrapped_key, self.master_key)

    def _plain_key(self) -> str | None:
        if self.key is not None or self.sealed is None:
            return self.key
        try:
            return EMBEDDING_MODEL_KEYS.unseal(self.sealed, self.id)
        except BrokenSealError as error:
            raise EmbeddingProviderError(
                f"The key of {self.model} does not open: store it anew.", passing=True
            ) from error


# The first model of every deployment: a process without a cached model tries it first.
BUILT_IN = Recipe(1, "builtin", builtin.BUILT_IN, 384, 384)
