"""Wikipedia articles as plain text. `wikipedia.py <dump.xml.bz2> <folder that holds mwparserfromhell>` writes a JSON
line {"title", "text"} per article of the dump, in its order; redirects are left out. With `-` as the dump, one page's
wikitext comes on stdin.

mwparserfromhell knows the markup. What is decided here is which parts of a page are its prose: no templates, tables,
footnotes, pictures or categories, and nothing from the first section of references on.
"""

import bz2
import html
import json
import re
import sys
import xml.etree.ElementTree as ElementTree

# Tags that hold no prose of the article; `table` is also wikitext's {| |}.
DROPPED_TAGS = {"ref", "references", "table", "gallery", "math", "imagemap", "timeline", "source", "syntaxhighlight",
                "score", "hiero"}
# Names before a colon that make a link a picture, a category or the same article in another language.
DROPPED_LINK = re.compile(r"^\s*(file|image|media|category|[a-z]{2,3}(-[a-z-]+)?|simple)\s*:", re.IGNORECASE)
# Sections after the prose.
BACK_MATTER = {"references", "notes", "footnotes", "notes and references", "references and notes", "see also",
               "external links", "further reading", "bibliography", "sources", "citations", "works cited"}


def back_matter_starts(code):
    """Where the text ends and its references begin, as an index into `code.nodes`."""
    for index, node in enumerate(code.nodes):
        if type(node).__name__ == "Heading" and node.title.strip_code().strip().lower() in BACK_MATTER:
            return index
    return len(code.nodes)


def prose_of(code):
    """The text of parsed wikitext. A link gives its label, a style tag its inside, a template nothing."""
    return "".join(prose_of_node(node) for node in code.nodes)


def prose_of_node(node):
    kind = type(node).__name__
    if kind == "Text":
        return str(node.value)
    if kind == "HTMLEntity":
        return node.normalize()
    if kind == "Heading":
        return "\n\n%s\n\n" % prose_of(node.title).strip()
    if kind == "Wikilink":
        return "" if DROPPED_LINK.match(str(node.title)) else prose_of(node.text if node.text is not None else node.title)
    if kind == "ExternalLink":
        return prose_of(node.title) if node.title is not None else ""
    if kind == "Tag":
        return prose_of_tag(node)
    return ""  # a template, an argument or a comment


def prose_of_tag(node):
    name = str(node.tag).strip().lower()
    if name == "br":
        return "\n"
    if name in DROPPED_TAGS or node.contents is None:
        return ""
    return prose_of(node.contents)


def tidy(text):
    """Paragraphs, one a line and an empty line between them, without what dropped parts leave behind, and what a page
    opens and never closes (the parser takes that for text)."""
    text = html.unescape(text).replace("\u00a0", " ")
    text = re.sub(r"<ref\b[^<]*?(</ref>|/>|\n|$)|</?[a-z]+\b[^<>\n]*>|\[\[(File|Image):[^\n]*|'{2,}(?=\W|$)|(?<!\S)'{2,}", "", text)
    text = re.sub(r"(?m)^[ \t]*[|!{].*$|\{\{|\}\}|\[\[|\]\]", "", text)
    text = re.sub(r"__[A-Z]+__", "", text)  # __NOTOC__ and its like
    text = re.sub(r"\(\s*[;,:\s]*\)", "", text)
    text = re.sub(r"[;,\s]+\)", ")", re.sub(r"\([;,:\s]+", "(", text))
    text = re.sub(r"[ \t]+([,.;:)])", r"\1", re.sub(r"[ \t]+", " ", text))
    return "\n\n".join(line for line in (line.strip() for line in text.split("\n")) if re.search(r"\w", line))


def drop_empty_headings(lines, headings):
    """Without the headings under which nothing is left."""
    return [line for at, line in enumerate(lines) if not (line in headings and (at + 1 == len(lines) or lines[at + 1] in headings))]


def plain_text(parse, wikitext):
    code = parse(wikitext)
    code.nodes = code.nodes[:back_matter_starts(code)]
    headings = {tidy(prose_of(heading.title)) for heading in code.filter_headings()}
    return "\n\n".join(drop_empty_headings(tidy(prose_of(code)).split("\n\n"), headings))


def pages(path):
    """(title, wikitext) of the articles of a dump, redirects and other name spaces apart."""
    for _, page in ElementTree.iterparse(bz2.open(path)):
        space = page.tag.rpartition("}")[0] + "}" if "}" in page.tag else ""
        if page.tag != space + "page":
            continue
        if page.find(space + "redirect") is None and page.findtext(space + "ns", "0") == "0":
            yield page.findtext(space + "title"), page.findtext("%srevision/%stext" % (space, space)) or ""
        page.clear()


def main(dump, folder):
    sys.path.insert(0, folder)
    from mwparserfromhell import parse

    for title, wikitext in [("", sys.stdin.read())] if dump == "-" else pages(dump):
        print(json.dumps({"title": title, "text": plain_text(parse, wikitext)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
