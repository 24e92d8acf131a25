# SPDX-License-Identifier: MIT
"""The standard library's classes written in Python, as programs use them."""

import io
import sys
import types

from . import part

TRACKED = []


@part
def typing_objects():
    import typing

    T = typing.TypeVar("T", bound=int)
    yield T
    yield typing.TypeVar("S", covariant=True)

    class Box(typing.Generic[T]):
        content: T

    class Speaks(typing.Protocol):
        def speak(self) -> str:
            ...

    class Record(typing.NamedTuple):
        one: int
        two: str = ""

    class Table(typing.TypedDict, total=False):
        one: int

    yield Box[int]
    yield Box[int]()
    yield Speaks
    yield Record(1)
    yield Table(one=1)
    for form in (
        typing.List[int],
        typing.Dict[str, T],
        typing.Union[int, str, None],
        typing.Optional[Box],
        typing.Callable[[int, T], str],
        typing.Callable[..., int],
        typing.Tuple[int, ...],
        typing.Literal[1, "two"],
        typing.ClassVar[int],
        typing.Final[int],
        typing.Type[Box],
        typing.Any,
        typing.List,
    ):
        yield form
    yield typing.ForwardRef("Box")
    yield typing.NewType("Identity", int)


@part
def newer_typing():
    import typing

    yield typing.Annotated[int, TRACKED]  # 3.9
    yield typing.ParamSpec("P")  # 3.10
    yield typing.ParamSpec("P").args
    yield typing.ParamSpec("P").kwargs
    yield typing.Concatenate[int, typing.ParamSpec("P")]
    yield typing.TypeVarTuple("Ts")  # 3.11
    yield typing.Unpack[typing.TypeVarTuple("Ts")]
    yield typing.Required[int]


@part
def generic_aliases():
    import collections
    import re

    yield list[int]  # 3.9
    yield dict[str, list]
    yield tuple[int, ...]
    yield collections.deque[int]
    yield re.Pattern[str]
    yield collections.abc.Callable[[int], str]
    yield type[int]
    yield int | str  # 3.10
    yield list[int] | None
    yield iter(tuple[int])  # 3.11


@part
def numbers_and_statistics():
    import statistics

    yield statistics.NormalDist(1, 2)
    import numbers

    yield numbers.Number


@part
def loggers():
    import logging

    logger = logging.getLogger("menagerie.logger")
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(logging.Filter("name"))
    logger.addHandler(handler)
    yield logger
    yield logging.LogRecord("name", 10, "path", 1, "text", (), None)
    yield logging.LoggerAdapter(logger, {})
    yield logging.getLogger("menagerie.not.yet.there")


@part
def command_lines():
    import argparse
    import configparser
    import optparse

    parser = argparse.ArgumentParser("program")
    parser.add_argument("--option", type=int)
    commands = parser.add_subparsers()
    commands.add_parser("command").add_argument("name", nargs="*")
    yield parser
    yield parser.parse_args([])
    configuration = configparser.ConfigParser()
    configuration.read_string("[section]\none = 1\n")
    yield configuration
    yield optparse.OptionParser()


@part
def paths():
    import pathlib

    yield pathlib.Path("/tmp/name")
    yield pathlib.PurePosixPath("a/b")
    yield pathlib.PureWindowsPath("c:/b").parents
    import tempfile

    yield tempfile.TemporaryDirectory
    import glob

    yield glob.iglob("/*")


@part
def network_values():
    import ipaddress
    import urllib.parse
    import urllib.request
    import uuid

    yield ipaddress.ip_address("127.0.0.1")
    yield ipaddress.ip_network("10.0.0.0/8")
    yield ipaddress.ip_interface("::1/64")
    yield uuid.UUID(int=1)
    yield urllib.parse.urlsplit("scheme://user@host:1/path?query#fragment")
    yield urllib.request.Request("http://localhost/")
    import http.cookies

    yield http.cookies.SimpleCookie("a=b")
    import http.client

    yield http.client.HTTPConnection("localhost")
    yield http.client.HTTPMessage()


@part
def mails():
    import email
    import email.message
    import email.policy

    yield email.message_from_string("Subject: text\nTo: a@b\n\nbody")
    message = email.message.EmailMessage(policy=email.policy.default)
    message["To"] = "Someone <someone@localhost>"
    message.set_content("text")
    yield message
    yield message["To"]


@part
def reflections():
    import dis
    import inspect
    import tokenize
    import traceback

    yield inspect.signature(part)
    yield inspect.signature(print).parameters
    yield inspect.getfullargspec(part)
    yield list(dis.Bytecode(part))
    yield list(tokenize.generate_tokens(io.StringIO("x = 1\n").readline))
    yield traceback.extract_stack()
    yield traceback.TracebackException(ValueError, ValueError("text"), None)
    import linecache

    yield linecache.cache
    import warnings

    yield warnings.catch_warnings(record=True)
    yield warnings.WarningMessage("text", UserWarning, "file", 1)


@part
def import_machinery():
    import importlib.machinery
    import importlib.util
    import zipimport

    yield importlib.util.find_spec("json")
    yield importlib.machinery.SourceFileLoader("name", "path")
    yield importlib.machinery.FileFinder("/", (importlib.machinery.SourceFileLoader, [".py"]))
    yield importlib.machinery.ModuleSpec("name", None)
    yield types.ModuleType("module", "documentation")
    yield zipimport.zipimporter
    filled = types.ModuleType("filled")
    for number in range(300):
        setattr(filled, "name%d" % number, number)
    yield filled
    yield importlib.util.module_from_spec(importlib.util.find_spec("colorsys"))
    lazy = importlib.util.find_spec("this")
    lazy.loader = importlib.util.LazyLoader(lazy.loader)
    module = importlib.util.module_from_spec(lazy)
    lazy.loader.exec_module(module)
    yield module


@part
def contexts_and_stacks():
    import contextlib

    @contextlib.contextmanager
    def managed():
        yield TRACKED

    entered = managed()
    entered.__enter__()
    yield entered
    stack = contextlib.ExitStack()
    stack.enter_context(managed())
    stack.callback(print)
    yield stack
    yield contextlib.AsyncExitStack()
    yield contextlib.nullcontext()
    yield contextlib.suppress(ValueError)
    yield contextlib.redirect_stdout(io.StringIO())


@part
def mocks():
    import unittest
    import unittest.mock

    mock = unittest.mock.Mock()  # a MagicMock answers __sizeof__() too, with what it pleases
    mock.method(1, two=2).attribute.other()
    yield mock
    yield unittest.mock.sentinel.name
    yield unittest.mock.patch("io.open")
    yield mock.mock_calls

    class Case(unittest.TestCase):
        def test(self):
            pass

    yield Case("test")
    yield unittest.TestSuite([Case("test")])
    yield unittest.TestResult()


@part
def texts():
    import difflib
    import gettext
    import pprint
    import shlex
    import string
    import textwrap

    yield string.Template("$name")
    yield string.Formatter()
    yield difflib.SequenceMatcher(None, "abcd", "bcde")
    yield gettext.NullTranslations()
    yield pprint.PrettyPrinter()
    yield shlex.shlex("a b")
    yield textwrap.TextWrapper()
    import calendar
    import locale

    yield calendar.TextCalendar()
    yield locale.localeconv()


@part
def executors():
    import concurrent.futures
    import sched

    yield concurrent.futures.Future()
    yield concurrent.futures.ThreadPoolExecutor(1)
    scheduler = sched.scheduler()
    scheduler.enter(1, 1, print)
    yield scheduler
    yield scheduler.queue


@part
def graphs():
    import graphlib  # 3.9

    sorter = graphlib.TopologicalSorter({"a": {"b"}, "b": {"c"}})
    sorter.prepare()
    yield sorter


@part
def traced_memory():
    import tracemalloc

    tracemalloc.start(3)
    kept = [bytes(1000) for _ in range(10)]
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    yield kept
    yield snapshot
    yield snapshot.statistics("lineno")[:5]


@part
def hooks():
    yield sys.modules
    yield sys.path_importer_cache
    yield sys.flags
    yield sys.implementation
    yield sys.builtin_module_names
    yield sys.getwindowsversion if hasattr(sys, "getwindowsversion") else None
    yield types.CodeType
