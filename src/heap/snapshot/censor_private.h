/* SPDX-License-Identifier: MIT */
/* What the parts of the censor share. */
#ifndef HEAP_CENSOR_PRIVATE_H
#define HEAP_CENSOR_PRIVATE_H

#include "heap/census/counter.h"
#include "heap/snapshot/censor.h"

/* What an object of a type is to the censor. */
enum censored {
	CENSOR_UNKNOWN, /* the type was not looked at yet */
	CENSOR_NOTHING,
	CENSOR_STR,
	CENSOR_BYTES,
	CENSOR_CODE, /* has names */
	CENSOR_TYPE, /* likewise */
};

/* Text outside of pools. */
struct censored_text {
	uint64_t object;
	uint64_t address;
	uint64_t count;
	unsigned width;
	bool interned; /* a name by itself */
};

/* Memory outside of pools that stays: objects without their text, names, and of C
 * the names of types, which since 3.12 are copies in malloc's memory:
 * PyType_FromMetaclass() of Objects/typeobject.c. */
struct kept_text {
	uint64_t address;
	size_t length;
};

struct censor {
	struct python *python;
	struct counter counter;
	struct arenas arenas;
	uint8_t *kinds; /* enum censored, by number of the type */
	size_t kind_capacity;
	uint64_t *names; /* addresses of str and bytes objects that stay, sorted at last */
	size_t name_count, name_capacity;
	struct censored_text *texts; /* sorted by address at last */
	size_t text_count, text_capacity;
	struct kept_text *kept; /* sorted by address at last */
	size_t kept_count, kept_capacity;
	bool no_memory;
};

enum censored censor_kind_of(struct censor *censor, uint32_t type);

/* Where the text of a str or bytes object is, if it has any. `bytes`: so much of the
 * object as is at hand. */
bool censor_find_text(const struct censor *censor, enum censored kind, const uint8_t *bytes,
		      size_t length, uint64_t address, struct censored_text *ret_text);

bool censor_is_name(const struct censor *censor, const struct censored_text *text);

/* censor_names.c: fills in names and texts. */
enum fault censor_learn(struct censor *censor);

#endif
