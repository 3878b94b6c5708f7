"""What an HTML page is made of."""

from html.parser import HTMLParser

VOID = {"meta", "br", "path", "use", "rect", "image", "link", "img", "input"}


class Outline(HTMLParser):
    """Tags, ids, addresses and texts by tag of a page; fails on tags that do not pair."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.ids, self.addresses = [], [], []
        self.tags, self.texts = set(), {}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [v for k, v in attrs if k in ("href", "src", "xlink:href") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], set()).add(data.strip())
