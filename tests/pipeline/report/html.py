"""A page as a parser sees it."""

from html.parser import HTMLParser

# What the page's own template and drawings write, and nothing from data may add to.
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "footer", "nav", "section", "h1", "h2", "p"),
    *("ul", "li", "a", "dl", "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "i"),
    *("bdi", "code", "figure", "figcaption", "svg", "desc", "defs", "g", "path", "text", "use", "clippath", "rect"),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "http-equiv", "id", "class", "href", "aria-label", "aria-labelledby"),
    *("aria-hidden", "role", "tabindex", "scope", "style", "viewbox", "xmlns", "d", "x", "y", "width", "height"),
    *("transform", "clip-path"),
}
_VOID = {"meta"}


class Page(HTMLParser):
    """Collects tags, attributes and text; checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.headings: list[str] = []
        self.isolated: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def ids(self) -> list[str]:
        return [value for name, value in self.attributes if name == "id"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self.texts.append(data)
        if self._open[-1:] == ["h2"]:
            self.headings.append(data)
        if "bdi" in self._open:
            self.isolated.append(data)
