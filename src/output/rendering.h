/* SPDX-License-Identifier: MIT */
/* What a rendering is made of. Callers want output/emitter.h. */
#ifndef OUTPUT_RENDERING_H
#define OUTPUT_RENDERING_H

#include "output/emitter.h"
#include "output/format.h"

enum container {
	CONTAINER_DOCUMENT,
	CONTAINER_OBJECT,
	CONTAINER_LIST,  /* of objects */
	CONTAINER_TABLE, /* of rows of the same fields */
};

enum value_kind {
	VALUE_COUNT,   /* natural: objects, reads */
	VALUE_SIGNED,  /* integer */
	VALUE_ID,      /* natural: a name that happens to be a number */
	VALUE_BYTES,   /* natural */
	VALUE_ADDRESS, /* natural */
	VALUE_CHANGE,  /* integer */
	VALUE_BYTES_CHANGE, /* integer */
	VALUE_SECONDS, /* real */
	VALUE_RATIO,   /* real, 0 to 1 */
	VALUE_TIME,    /* real, seconds since the epoch */
	VALUE_TEXT,    /* text */
	VALUE_FLAG,    /* flag */
	VALUE_CHECK,   /* flag */
	VALUE_COMMAND, /* texts */
	VALUE_REMARKS, /* texts */
	VALUE_PLOT,    /* plot, without a key */
};

struct value {
	enum value_kind kind;
	bool known;
	union {
		uint64_t natural;
		int64_t integer;
		double real;
		const char *text;
		const struct plot *plot;
		struct {
			const char *const *items;
			size_t count;
		} texts;
		struct {
			bool set;
			const char *yes, *no;
		} flag;
	};
};

struct emitter_ops {
	void (*open)(struct emitter *emitter, enum container container, const char *key,
		     const char *label);
	void (*close)(struct emitter *emitter, enum container container);
	void (*value)(struct emitter *emitter, const char *key, const char *label,
		      const struct value *value);
	void (*fini)(struct emitter *emitter);
};

enum { EMITTER_DEPTH = 12 };

/* The head of every rendering. */
struct emitter {
	const struct emitter_ops *ops;
	struct emitter_style style;
	bool no_memory;
	enum container open[EMITTER_DEPTH];
	unsigned depth;
};

/* A zeroed rendering of `size` bytes that begins with a struct emitter. */
void *emitter_new(size_t size, const struct emitter_ops *ops, const struct emitter_style *style);

/* A known value as programs read it, without quotes, in `space` where it needs
 * any; lists of texts have none. */
const char *value_plain(const struct value *value, char space[FORMAT_SIZE]);

/* Is the innermost open container a row of a table? */
bool emitter_in_row(const struct emitter *emitter);

#endif
