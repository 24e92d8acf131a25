/* SPDX-License-Identifier: MIT */
/* Pieces that the documents of several commands have in common. */
#ifndef OUTPUT_PARTS_H
#define OUTPUT_PARTS_H

#include <heapspy/attach.h>
#include <heapspy/dump.h>
#include <heapspy/gc.h>

#include "output/emitter.h"

/* Opens a document: its schema ("heapspy.dump/1"), who wrote it and, unless it
 * is 0, of what time it is. */
void emit_document_of(struct emitter *emitter, const char *schema, double captured_at);

/* With `shown` false they are left out of the table for people. */
void emit_target(struct emitter *emitter, const struct heapspy_target_info *target, bool shown);
void emit_python(struct emitter *emitter, const struct heapspy_python_info *python, bool shown);

/* As sections: what each interpreter's collector is like, and its generations. */
void emit_interpreters(struct emitter *emitter, const struct heapspy_interpreter *interpreters,
		       size_t count);

/* As one row each, at a time. */
void emit_interpreter_rows(struct emitter *emitter, double time,
			   const struct heapspy_interpreter *interpreters, size_t count);

#endif
