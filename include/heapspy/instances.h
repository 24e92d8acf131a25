/* SPDX-License-Identifier: MIT */
/*
 * Objects of one type: the largest ones, and some that were drawn by lot, each with
 * what it looks like. Sizes are bytes, times are seconds.
 *
 * The heap is walked once, as for a dump, and no more is kept of it than what is
 * asked for. Previews are read afterwards: no code of the target runs for them.
 */
#ifndef HEAPSPY_INSTANCES_H
#define HEAPSPY_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heapspy/api.h>
#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/error.h>

/* Where the collector has an object. X(NAME, name in JSON) */
#define HEAPSPY_AGES(X)                                                                  \
	X(UNKNOWN, "unknown")           /* the lists changed while they were read */     \
	X(UNTRACKED, "untracked")       /* the collector does not know it */             \
	X(GENERATION_0, "generation-0") /* gc.get_objects(0) lists it */                 \
	X(GENERATION_1, "generation-1")                                                  \
	X(GENERATION_2, "generation-2")                                                  \
	X(FROZEN, "frozen")             /* gc.freeze() took it out of the generations */

enum heapspy_age {
#define X(name, json_name) HEAPSPY_AGE_##name,
	HEAPSPY_AGES(X)
#undef X
};

/* Static text. */
HEAPSPY_API const char *heapspy_age_name(enum heapspy_age age);

struct heapspy_instance {
	uint64_t address;    /* id() */
	uint64_t type;       /* address of its type: two classes may have one name */
	uint64_t bytes;      /* what sys.getsizeof() says */
	uint64_t references; /* its reference count */
	bool immortal;       /* which then means nothing: 3.12 and later */
	enum heapspy_age age;
	const char *preview; /* sanitised; NULL: it had gone, or none were wanted */
};

struct heapspy_instances {
	struct heapspy_capture capture;
	const char *name;   /* of the type as it was asked for; sanitised; NULL: there are
	                       no objects of it */
	size_t types;       /* type objects that are called so and have objects */
	uint64_t objects, bytes; /* all of them */
	struct heapspy_instance *largest; /* largest first */
	size_t largest_count;
	struct heapspy_instance *sample;  /* each as likely as any other; by address */
	size_t sample_count;
	const char **incomplete; /* as of a dump */
	size_t incomplete_count;
};

struct heapspy_instances_options {
	uint64_t type;      /* address of the type; 0: its name, or of none */
	const char *name;   /* as a dump names it */
	size_t largest;     /* how many at most; SIZE_MAX: all there are */
	size_t sample;
	size_t preview;     /* characters of a preview at most; 0: none are made */
	bool without_text;  /* previews say of str, bytes and bytearray only how long they are */
	bool stop;          /* as of heapspy_dump() */
	double max_pause;
};

/* A type that there are no objects of is no error. Other errors as heapspy_dump(). */
HEAPSPY_API HEAPSPY_CHECK struct heapspy_error *
heapspy_instances_read(struct heapspy *heapspy, const struct heapspy_instances_options *options,
		       struct heapspy_instances **ret_instances);

/* Takes NULL. */
HEAPSPY_API void heapspy_instances_free(struct heapspy_instances *instances);

#endif
