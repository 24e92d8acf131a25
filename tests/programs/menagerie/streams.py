# SPDX-License-Identifier: MIT
"""Files, sockets, buffers and what encodes, compresses or parses them."""

import io
import os
import tempfile

from . import part

TRACKED = []


@part
def memory_streams():
    for size in (0, 1, 100, 5000, 200000):
        shared = io.BytesIO(b"x" * size)
        yield shared
        written = io.BytesIO()
        written.write(b"x" * size)
        yield written
        seen = io.BytesIO()
        seen.write(b"x" * size)
        yield seen
        yield [seen.getvalue()]  # from now on the buffer is shared
        viewed = io.BytesIO(b"y" * size)
        yield viewed.getbuffer()
        yield viewed
        grown = io.BytesIO(b"z" * size)
        grown.seek(0, 2)
        for _ in range(50):
            grown.write(b"more")
        yield grown
        cut = io.BytesIO(b"z" * size)
        cut.truncate(size // 2)
        yield cut
        text = io.StringIO("x" * size)
        yield text
        accumulated = io.StringIO()
        accumulated.write("\u0416" * size)
        yield accumulated
    closed = io.BytesIO(b"text")
    closed.close()
    yield closed
    kind = type("OwnBytesIO", (io.BytesIO,), {})
    made = kind(b"text" * 100)
    made.attribute = TRACKED
    yield made
    kind = type("OwnStringIO", (io.StringIO,), {})
    made = kind("text" * 100)
    made.attribute = TRACKED
    yield made


@part
def files():
    directory = tempfile.gettempdir()
    for buffering in (-1, 16, 4096, 100000):
        file = tempfile.TemporaryFile(buffering=buffering, dir=directory)
        file.write(b"x" * 1000)
        yield file
    yield tempfile.TemporaryFile("w+", dir=directory, encoding="utf-8", newline="\n")
    yield tempfile.TemporaryFile(buffering=0, dir=directory)
    yield tempfile.SpooledTemporaryFile()
    source = tempfile.TemporaryFile(dir=directory)
    source.write(b"line\nline\n" * 1000)
    source.flush()
    source.seek(0)
    reader = io.BufferedReader(io.FileIO(os.dup(source.fileno())), 777)
    reader.peek()
    yield reader
    wrapper = io.TextIOWrapper(io.BufferedReader(io.FileIO(os.dup(source.fileno()))), encoding="latin-1")
    wrapper.readline()
    yield wrapper
    decoded = io.TextIOWrapper(io.BytesIO(b"caf\xc3\xa9\r\n" * 20), encoding="utf-8", newline=None)
    decoded.readline()
    yield decoded
    yield io.BufferedWriter(io.BytesIO())
    yield io.BufferedRandom(io.BytesIO(b"text"), 50)
    yield io.BufferedRWPair(io.BytesIO(b"text"), io.BytesIO(), 99)
    detached = io.BufferedReader(io.BytesIO())
    detached.detach()
    yield detached
    closed = io.BufferedReader(io.BytesIO(b"text"))
    closed.close()
    yield closed
    kind = type("OwnReader", (io.BufferedReader,), {})
    made = kind(io.BytesIO(b"text"))
    made.attribute = TRACKED
    yield made


@part
def raw_streams():
    class Raw(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            return 0

    yield Raw()
    yield io.BufferedReader(Raw())
    yield io.IncrementalNewlineDecoder(None, translate=True)


@part
def codecs_parts():
    import codecs

    yield codecs.lookup("utf-8")
    yield codecs.getincrementaldecoder("utf-8")()
    yield codecs.getincrementalencoder("utf-16")()
    yield codecs.getreader("utf-8")(io.BytesIO(b"text"))
    yield codecs.getincrementaldecoder("shift_jis")()
    yield codecs.getincrementalencoder("gb18030")()
    yield codecs.getwriter("euc_kr")(io.BytesIO())
    yield codecs.getreader("euc_jp")(io.BytesIO(b"text"))


@part
def maps():
    import mmap

    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 8192)
        file.flush()
        yield mmap.mmap(file.fileno(), 4096)
    yield mmap.mmap(-1, 1 << 20)


@part
def sockets():
    import select
    import selectors
    import socket

    left, right = socket.socketpair()
    yield left
    yield right
    yield left.makefile("rwb")
    yield left.makefile("r")
    yield socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if hasattr(select, "epoll"):
        yield select.epoll()
    yield select.poll()
    selector = selectors.DefaultSelector()
    selector.register(left, selectors.EVENT_READ, TRACKED)
    yield selector
    yield selector.get_map()


@part
def tls():
    import ssl

    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.sni_callback = max
    yield serving
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    yield context
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tunnel = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        tunnel.do_handshake()
    except ssl.SSLError as error:
        yield error
    yield tunnel
    yield incoming
    yield outgoing


@part
def compressors():
    import bz2
    import lzma
    import zlib

    yield zlib.compressobj()
    yield zlib.decompressobj()
    yield bz2.BZ2Compressor()
    yield bz2.BZ2Decompressor()
    yield lzma.LZMACompressor()
    yield lzma.LZMADecompressor()
    for module in (bz2, lzma):
        yield module.open(io.BytesIO(), "wb")
    import gzip
    import zipfile

    yield gzip.GzipFile(fileobj=io.BytesIO(), mode="wb")
    archive = zipfile.ZipFile(io.BytesIO(), "w")
    archive.writestr("name", "text")
    yield archive


@part
def digests():
    import hashlib
    import hmac

    for name in sorted(hashlib.algorithms_guaranteed):
        try:
            yield hashlib.new(name, b"text")
        except ValueError:  # switched off in this build
            pass
    yield hmac.new(b"key", b"text", "sha256")


@part
def builtin_digests():
    for name in ("_md5", "_sha1", "_sha2", "_sha256", "_sha512", "_sha3", "_blake2", "_hmac"):
        try:
            module = __import__(name)
        except ImportError:
            continue
        for function in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "shake_128", "blake2b", "blake2s"):
            if hasattr(module, function):
                yield getattr(module, function)()


@part
def tabular():
    import csv

    class Dialect(csv.excel):
        delimiter = ";"

    reader = csv.reader(["a;b", "c;d"], Dialect)
    next(reader)
    yield reader
    yield reader.dialect
    writer = csv.writer(io.StringIO())
    writer.writerow(["a", "b" * 1000])
    yield writer
    yield csv.DictReader(["a,b", "1,2"])
    yield csv.DictWriter(io.StringIO(), ["a"])


@part
def json_objects():
    import json
    import json.encoder
    import json.scanner

    yield json.JSONEncoder(indent=2)
    decoder = json.JSONDecoder(object_pairs_hook=list)
    yield decoder
    yield json.scanner.c_make_scanner(decoder)
    if json.encoder.c_make_encoder:
        yield json.encoder.c_make_encoder(
            {}, repr, json.encoder.encode_basestring, None, ":", ",", False, False, True
        )
    try:
        json.loads("{")
    except ValueError as error:
        yield error


@part
def pickles():
    import pickle

    for count in (0, 3, 500):
        pickler = pickle.Pickler(io.BytesIO(), 4)
        for number in range(count):
            pickler.dump([number, "text%d" % number])
        yield pickler
        yield pickler.memo
    written = io.BytesIO()
    pickle.Pickler(written, 4).dump([["a%d" % number] for number in range(300)])
    written.seek(0)
    unpickler = pickle.Unpickler(written)
    unpickler.load()
    yield unpickler
    yield unpickler.memo
    yield pickle.Unpickler(io.BytesIO(), encoding="latin-1", errors="replace")
    fast = pickle.Pickler(io.BytesIO())
    fast.fast = True
    yield fast

    class Own(pickle.Pickler):
        def persistent_id(self, thing):
            return None

    own = Own(io.BytesIO())
    own.dump(["text"])
    yield own

    class OwnUnpickler(pickle.Unpickler):
        def persistent_load(self, identity):
            return identity

    yield OwnUnpickler(io.BytesIO())
    yield pickle.PickleBuffer(b"text")


@part
def element_trees():
    import xml.etree.ElementTree as tree

    root = tree.Element("root", one="1", two="2")
    for number in range(50):
        child = tree.SubElement(root, "child", {"number": str(number)} if number % 2 else {})
        child.text = "text"
        for _ in range(number % 9):
            tree.SubElement(child, "leaf")
    yield root
    yield tree.Element("empty")
    tracked = tree.Element(("not", "a", "name"), {"a": TRACKED})
    tracked.extend([tree.Element("x") for _ in range(20)])
    del tracked[3:18]
    yield tracked
    cleared = tree.fromstring("<a><b/><c/></a>")
    cleared.clear()
    yield cleared
    yield tree.ElementTree(root)
    parser = tree.XMLParser()
    parser.feed("<a><b>")
    yield parser
    builder = tree.TreeBuilder(insert_comments=True)
    builder.start("a", {})
    yield builder
    walk = root.iter()
    next(walk)
    next(walk)
    yield walk
    yield root.itertext()
    pull = tree.XMLPullParser(["start", "end"])
    pull.feed("<a><b/>")
    yield pull
    copied = __import__("copy").deepcopy(root)
    yield copied
    kind = type("OwnElement", (tree.Element,), {})
    yield kind("own", {"a": "b"})


@part
def expat():
    from xml.parsers import expat as parsers

    parser = parsers.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = max
    parser.Parse("<!-- text -->")
    yield parser
    yield parser.ExternalEntityParserCreate("context", "utf-8")


@part
def documents():
    import xml.dom.minidom
    import xml.sax.handler

    yield xml.dom.minidom.parseString("<a b='c'><d>text</d></a>")
    yield xml.sax.handler.ContentHandler()
    import html.parser

    parser = html.parser.HTMLParser()
    parser.feed("<p>text")
    yield parser


@part
def databases():
    import sqlite3

    connection = sqlite3.connect(":memory:")
    yield connection
    connection.row_factory = sqlite3.Row
    connection.execute("create table things (name text, data blob)")
    connection.execute("insert into things values ('a', zeroblob(10))")
    connection.create_function("own", 1, str)
    cursor = connection.execute("select * from things")
    yield cursor
    yield cursor.fetchone()
    yield cursor.description
    waiting = connection.cursor()
    waiting.execute("select name, own(name) from things")
    yield waiting
    kind = type("OwnConnection", (sqlite3.Connection,), {})
    own = kind(":memory:")
    own.attribute = TRACKED
    yield own
    yield connection.blobopen("things", "data", 1)  # 3.11


@part
def packed():
    import struct

    yield struct.Struct("<i")
    yield struct.Struct("3s5i10xq" * 5)
    kind = type("OwnStruct", (struct.Struct,), {})
    own = kind("<2h4d")
    own.attribute = TRACKED
    yield own
    yield struct.iter_unpack("<i", b"1234" * 4)


@part
def patterns():
    import re

    pattern = re.compile(r"(?P<word>\w+)\s*(x|y)*" + "(a|b)" * 20)
    yield pattern
    yield re.compile(rb"bytes")
    match = re.match(r"(a)(?P<b>b)?(c)", "ac")
    yield match
    yield match.regs
    yield re.compile("a").scanner("banana")
    yield re.finditer("a", "banana")
    yield re.Scanner([("a", None)])
