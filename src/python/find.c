/* SPDX-License-Identifier: MIT */
#include "python/find.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "python/runtime.h"

/* First bytes of _PyRuntime from 3.13 on: struct _Py_DebugOffsets of
 * Include/internal/pycore_debug_offsets.h. */
#define COOKIE "xdebugpy"
struct cookie {
	char cookie[8];
	uint64_t version;
	uint64_t free_threaded;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* 3.11 from "libpython3.11.so.1.0", "python3.11", "python3.11 (deleted)". */
static uint32_t version_from_name(const char *name)
{
	const char *digits = strstr(name, "python");
	unsigned major, minor = 0;
	if (!digits)
		return 0;
	digits += strlen("python");
	if (!isdigit((unsigned char)*digits))
		return 0;
	major = (unsigned)(*digits++ - '0');
	if (*digits++ != '.')
		return 0;
	for (int i = 0; i < 2 && isdigit((unsigned char)*digits); i++)
		minor = minor * 10 + (unsigned)(*digits++ - '0');
	return PYTHON_VERSION(major, minor);
}

/* How likely a file holds the runtime: higher is looked at earlier, 0 never. */
static int likelihood(const struct mapping *mapping, const struct mapping *main_program)
{
	const char *name = base_name(mapping->path);
	if (strncmp(name, "libpython", 9) == 0)
		return 4;
	if (strncmp(name, "python", 6) == 0)
		return 3;
	if (main_program && mapping_same_file(mapping, main_program))
		return 2;
	if (mapping->path[0] != '/' || strstr(mapping->path, ".cpython-"))
		return 0; /* no program, or an extension module */
	return 1;
}

static bool mapped_before(const struct maps *maps, size_t index)
{
	for (size_t i = index; i-- > 0;)
		if (mapping_same_file(&maps->items[i], &maps->items[index]))
			return true;
	return false;
}

static bool add(struct candidates *candidates, const struct candidate *candidate)
{
	struct candidate *items =
		realloc(candidates->items, (candidates->count + 1) * sizeof(*items));
	if (!items)
		return false;
	candidates->items = items;
	candidates->items[candidates->count++] = *candidate;
	return true;
}

static bool read_cookie(struct target *target, uint64_t address, struct candidate *candidate)
{
	struct cookie cookie;
	if (target_read(target, address, &cookie, sizeof(cookie)) != FAULT_NONE ||
	    memcmp(cookie.cookie, COOKIE, sizeof(cookie.cookie)) != 0)
		return false;
	candidate->runtime = address;
	candidate->hexversion = (uint32_t)cookie.version;
	candidate->exact = true;
	candidate->free_threaded = cookie.free_threaded & 1;
	return true;
}

/* The version a runtime may have: its cookie, Py_Version (3.11+), else the name. */
static void learn_version(struct target *target, struct candidate *candidate, const char *path)
{
	uint64_t address, version;
	if (candidate->runtime && read_cookie(target, candidate->runtime, candidate))
		return;
	if (elf_module_symbol(candidate->module, "Py_Version", &address, NULL) &&
	    target_read(target, address, &version, sizeof(version)) == FAULT_NONE &&
	    version >= PYTHON_VERSION(3, 11) && version <= UINT32_MAX) {
		candidate->hexversion = (uint32_t)version;
		candidate->exact = true;
		return;
	}
	candidate->hexversion = version_from_name(base_name(path));
}

/* Python 2 and 3.6 and older have these instead of a runtime. */
static bool is_ancient(struct elf_module *module)
{
	uint64_t address;
	return elf_module_symbol(module, "_PyThreadState_Current", &address, NULL) ||
	       elf_module_symbol(module, "_PyGC_generation0", &address, NULL) ||
	       elf_module_symbol(module, "PyString_Type", &address, NULL);
}

static struct heapspy_error *look_into(struct target *target, const struct mapping *mapping,
				       struct candidates *candidates)
{
	CLEANUP(elf_module_freep) struct elf_module *module = NULL;
	struct heapspy_error *error = elf_module_open(target, mapping, &module);
	if (error && error->code == HEAPSPY_LIMIT)
		return error;
	if (error) { /* a file that cannot be read is no candidate */
		heapspy_error_free(error);
		return NULL;
	}
	struct candidate candidate = {.module = module};
	if (!elf_module_symbol(module, "_PyRuntime", &candidate.runtime, NULL) &&
	    !elf_module_section(module, ".PyRuntime", &candidate.runtime, NULL)) {
		candidate.runtime = 0;
		if (!is_ancient(module))
			return NULL;
	}
	learn_version(target, &candidate, mapping->path);
	if (!add(candidates, &candidate))
		return error_no_memory();
	module = NULL;
	return NULL;
}

/* Data of a program are at the beginning of a mapping, and few. A file that somebody
 * mapped to write to may have any size, above all one that a core only claims. */
#define MOST_OF_A_MAPPING (UINT64_C(256) << 20)
#define MOST_IN_ALL (UINT64_C(1) << 30)

/* No file tells: look for the cookie at the start of a page of writable data,
 * and anywhere in it. */
static struct heapspy_error *scan_for_cookie(struct target *target, struct candidates *candidates)
{
	enum { CHUNK = 1 << 16 };
	uint64_t left = MOST_IN_ALL;
	const struct maps *maps = target_maps(target);
	char *buffer = malloc(CHUNK);
	if (!buffer)
		return error_no_memory();
	for (size_t i = 0; i < maps->count && candidates->count == 0; i++) {
		const struct mapping *mapping = &maps->items[i];
		if (!(mapping->flags & MAPPING_WRITE) || (mapping->flags & MAPPING_SHARED) ||
		    !mapping_is_file(mapping))
			continue;
		uint64_t size = mapping->end - mapping->start;
		uint64_t most = size < MOST_OF_A_MAPPING ? size : MOST_OF_A_MAPPING;
		most = most < left ? most : left;
		left -= most;
		for (uint64_t at = mapping->start; at < mapping->start + most; at += CHUNK) {
			size_t length = mapping->end - at < CHUNK ? mapping->end - at : CHUNK, covered;
			if (target_read_some(target, at, buffer, length, &covered) != FAULT_NONE)
				break;
			if (covered == 0)
				continue;
			const char *hit = memmem(buffer, length, COOKIE, strlen(COOKIE));
			struct candidate candidate = {0};
			if (hit && read_cookie(target, at + (uint64_t)(hit - buffer), &candidate)) {
				if (!add(candidates, &candidate)) {
					free(buffer);
					return error_no_memory();
				}
				break;
			}
		}
	}
	free(buffer);
	return NULL;
}

struct heapspy_error *find_candidates(struct target *target, struct candidates *ret_candidates)
{
	const struct maps *maps = target_maps(target);
	/* The program itself is the first file that is mapped executable; good enough
	 * for an order. */
	const struct mapping *main_program = NULL;
	for (size_t i = 0; i < maps->count && !main_program; i++)
		if (mapping_is_file(&maps->items[i]))
			main_program = &maps->items[i];

	struct candidates candidates = {0};
	struct heapspy_error *error = NULL;
	for (int wanted = 4; wanted > 0 && !error; wanted--) {
		/* What is not called python is looked into only where nothing was found. */
		if (wanted == 1 && candidates.count)
			break;
		for (size_t i = 0; i < maps->count && !error; i++) {
			const struct mapping *mapping = &maps->items[i];
			if (!mapping_is_file(mapping) || likelihood(mapping, main_program) != wanted ||
			    mapped_before(maps, i))
				continue;
			if (strstr(base_name(mapping->path), "pypy"))
				candidates.other_python = true;
			error = look_into(target, mapping, &candidates);
		}
	}
	if (!error && candidates.count == 0)
		error = scan_for_cookie(target, &candidates);
	if (error)
		candidates_fini(&candidates);
	else
		*ret_candidates = candidates;
	return error;
}

void candidates_fini(struct candidates *candidates)
{
	for (size_t i = 0; i < candidates->count; i++)
		elf_module_free(candidates->items[i].module);
	free(candidates->items);
	*candidates = (struct candidates){0};
}
