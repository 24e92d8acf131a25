/* SPDX-License-Identifier: MIT */
/* Which allocator the objects of a target come from. */
#ifndef PYTHON_ALLOCATOR_H
#define PYTHON_ALLOCATOR_H

#include "python/runtime.h"

/* As PYTHONMALLOC names them: "pymalloc", "malloc", "mimalloc" (3.13+), each with
 * "_debug" where the debug hooks are on. Static text. */
const char *allocator_name(struct python *python);

#endif
