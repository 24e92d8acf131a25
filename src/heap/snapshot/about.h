/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot says of itself, beside its memory: a small JSON object in a note
 * of the core (target/core_format.h), which `readelf --notes` shows as well.
 *
 * {"schema": "heapspy.snapshot/1", "heapspy": "0.1.0", "time": 1.5, "pid": 1,
 *  "command": ["python3"], "executable": "/usr/bin/python3.11", "uptime": 1.5,
 *  "python": "3.11.2", "mode": "running", "pause": 0.0,
 *  "memory": {"rss": 1, ..., "account": {"file": 1, ...}}}
 *
 * Unknown numbers are left out. A reader takes what it knows and ignores the rest.
 */
#ifndef HEAP_SNAPSHOT_ABOUT_H
#define HEAP_SNAPSHOT_ABOUT_H

#include <stdbool.h>
#include <stddef.h>

#include <heapspy/attach.h>
#include <heapspy/memory.h>

struct snapshot_about {
	double time;
	double pause;
	enum heapspy_capture_mode mode;
	struct heapspy_target_info target; /* its texts: sanitised */
	const char *version;               /* of Python; only written */
	struct heapspy_memory memory;
};

/* malloc'ed text; NULL without memory. */
char *snapshot_about_format(const struct snapshot_about *about);

/* False if it is no such object. What it does not say stays as it is in *about;
 * texts of about->target are replaced by malloc'ed ones, sanitised anew. */
bool snapshot_about_parse(const char *text, size_t length, struct snapshot_about *about);

#endif
