/* SPDX-License-Identifier: MIT */
/*
 * Attributes of instances of Python classes: what __dict__ holds, wherever it lies.
 * Objects/dictobject.c, Include/internal/pycore_object.h, 3.8 - 3.15.
 */
#ifndef PYTHON_ATTRIBUTE_H
#define PYTHON_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "python/runtime.h"

/* The object under a name, 0 if there is none. Leaves faults in the peek. */
uint64_t attribute_find(struct python *python, uint64_t object, const char *name);

/* All of them, as dict_visit() does. */
void attribute_visit(struct python *python, uint64_t object, size_t cap,
		     bool (*visit)(void *context, uint64_t key, uint64_t value), void *context);

#endif
