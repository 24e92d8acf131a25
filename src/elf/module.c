/* SPDX-License-Identifier: MIT */
#include "elf/module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "base/text.h"
#include "elf/debug_file.h"
#include "elf/module_private.h"

/* ---- opening ------------------------------------------------------------ */

static struct heapspy_error *fail(const char *path, const char *why)
{
	CLEANUP(freep) char *text = text_from_bytes(path, strlen(path));
	struct heapspy_error *error =
	    error_new(HEAPSPY_REFUSED, "cannot read the program file %s", text ?: "");
	return error_why(error, "%s", why);
}

/* How many bytes of a path are those of the target's own root directory: maps
 * shows a chroot from outside. */
static size_t root_length(const struct elf_module *module, const char *path)
{
	int proc = target_proc_directory(module->target);
	CLEANUP(freep) char *root = proc >= 0 ? io_read_link(proc, "root") : NULL;
	size_t length = root ? strlen(root) : 0;
	return length > 1 && strncmp(path, root, length) == 0 && path[length] == '/' ? length : 0;
}

static bool copy_path(struct elf_module *module, const char *path)
{
	static const char deleted[] = " (deleted)";
	module->path = strdup(path);
	path += root_length(module, path);
	module->directory = strdup(path);
	if (!module->path || !module->directory)
		return false;
	size_t length = strlen(path);
	if (length > strlen(deleted) && strcmp(path + length - strlen(deleted), deleted) == 0)
		module->directory[length - strlen(deleted)] = 0;
	char *slash = strrchr(module->directory, '/');
	if (slash)
		slash[slash == module->directory] = 0;
	return true;
}

static bool open_file(struct elf_module *module, const struct mapping *mapping)
{
	int fd = target_open_mapped_file(module->target, mapping);
	struct heapspy_error *error = NULL;
	if (fd < 0 || (error = elf_file_open(fd, "", &module->file))) {
		heapspy_error_free(error);
		return false;
	}
	if (segments_from_file(module->file, &module->segments))
		return true;
	elf_file_free(take_pointer(module->file));
	return false;
}

/* The ELF header is at the start of the file: of its mappings of that, the
 * nearest below. */
static bool read_header(struct elf_module *module, const struct mapping *mapping)
{
	const struct maps *maps = target_maps(module->target);
	const struct mapping *header = NULL;
	for (size_t i = 0; i < maps->count && maps->items[i].start <= mapping->start; i++) {
		if (mapping_same_file(&maps->items[i], mapping) && maps->items[i].offset == 0)
			header = &maps->items[i];
	}
	return header && segments_from_memory(module->target, header->start, &module->segments);
}

struct heapspy_error *elf_module_open(struct target *target, const struct mapping *mapping,
				      struct elf_module **ret_module)
{
	bool is_vdso = strcmp(mapping->path, "[vdso]") == 0;
	if (!mapping_is_file(mapping) && !is_vdso)
		return fail(mapping->path, "it is no file");
	CLEANUP(elf_module_freep) struct elf_module *module = calloc(1, sizeof(*module));
	if (!module)
		return error_no_memory();
	module->target = target;
	if (!copy_path(module, mapping->path))
		return error_no_memory();

	bool found = is_vdso ? segments_from_memory(target, mapping->start, &module->segments)
			     : open_file(module, mapping) || read_header(module, mapping);
	if (!found)
		return fail(mapping->path,
			    "neither the file nor its image in memory is a 64-bit ELF program");
	if (is_vdso)
		module->bias = mapping->start;
	else if (!segments_bias(&module->segments, target_maps(target), mapping, &module->bias))
		return fail(mapping->path, "it is not mapped as its program headers say");
	segments_range(&module->segments, &module->start, &module->end);
	module->start += module->bias;
	module->end += module->bias;

	if (module->file) {
		strcpy(module->build_id, module->file->build_id);
	} else {
		dynamic_build_id(target, &module->segments, module->bias, module->build_id);
		module->dynamic = dynamic_new(target, &module->segments, module->bias,
					      module->start, module->end);
	}
	*ret_module = take_pointer(module);
	return NULL;
}

void elf_module_free(struct elf_module *module)
{
	if (!module)
		return;
	free(module->path);
	free(module->directory);
	elf_file_free(module->file);
	elf_file_free(module->debug);
	elf_file_free(module->image);
	dynamic_free(module->dynamic);
	free(module);
}

const char *elf_module_path(const struct elf_module *module)
{
	return module->path;
}

const char *elf_module_build_id(const struct elf_module *module)
{
	return module->build_id;
}

void elf_module_range(const struct elf_module *module, uint64_t *ret_start, uint64_t *ret_end)
{
	*ret_start = module->start;
	*ret_end = module->end;
}

uint64_t elf_module_bias(const struct elf_module *module)
{
	return module->bias;
}

/* ---- the separate debug file -------------------------------------------- */

static struct elf_file *debug_file_under(const struct elf_module *module, int root,
					 char **ret_directory)
{
	if (module->file)
		return debug_file_open(module->file, root, module->directory, ret_directory);
	return debug_file_open_by_build_id(module->build_id, root, ret_directory);
}

struct elf_file *elf_module_open_debug_file(const struct elf_module *module, int *ret_root,
					    char **ret_directory)
{
	int proc = target_proc_directory(module->target);
	CLEANUP(closep) int own = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(closep)
	int its = proc >= 0 ? openat(proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct elf_file *found = NULL;
	if (its >= 0 && (found = debug_file_under(module, its, ret_directory)))
		*ret_root = take_fd(&its);
	else if (own >= 0 && (found = debug_file_under(module, own, ret_directory)))
		*ret_root = take_fd(&own);
	return found;
}

const struct elf_file *elf_module_debug_file(struct elf_module *module)
{
	if (!module->debug_sought) {
		CLEANUP(closep) int root = -1;
		CLEANUP(freep) char *directory = NULL;
		module->debug = elf_module_open_debug_file(module, &root, &directory);
		module->debug_sought = true;
	}
	return module->debug;
}

const struct elf_file *elf_module_image(struct elf_module *module)
{
	if (!module->file && !module->image_sought) {
		module->image =
			image_from_memory(module->target, &module->segments, module->bias);
		module->image_sought = true;
	}
	return module->file ?: module->image;
}

/* ---- symbols ------------------------------------------------------------ */

struct search {
	const char *name;
	size_t length;
	GElf_Sym found;
	int rank;	/* of what was found: the lower the better */
	bool ambiguous; /* another one of the same rank elsewhere */
};

enum { RANK_GLOBAL, RANK_LOCAL, RANK_PRIVATE, RANK_NONE };

/* Link-time optimisation renames the static `arenas` to `arenas.lto_priv.0`. */
static int rank_of(const struct search *search, const char *name, const GElf_Sym *symbol)
{
	static const char renamed[] = ".lto_priv.";
	if (strncmp(name, search->name, search->length) != 0)
		return RANK_NONE;
	if (!name[search->length])
		return GELF_ST_BIND(symbol->st_info) == STB_LOCAL ? RANK_LOCAL : RANK_GLOBAL;
	return strncmp(name + search->length, renamed, strlen(renamed)) == 0 ? RANK_PRIVATE
									     : RANK_NONE;
}

static bool consider(const char *name, const GElf_Sym *symbol, void *context)
{
	struct search *search = context;
	int type = GELF_ST_TYPE(symbol->st_info);
	if (type == STT_TLS || type == STT_SECTION || type == STT_FILE ||
	    symbol->st_shndx == SHN_ABS)
		return false;
	int rank = rank_of(search, name, symbol);
	if (rank == RANK_NONE || rank > search->rank)
		return false;
	if (rank == search->rank) {
		search->ambiguous |= symbol->st_value != search->found.st_value;
	} else {
		search->found = *symbol;
		search->rank = rank;
		search->ambiguous = false;
	}
	return rank == RANK_GLOBAL;
}

bool elf_module_symbol(struct elf_module *module, const char *name, uint64_t *ret_address,
		       uint64_t *ret_size)
{
	struct search search = {.name = name, .length = strlen(name), .rank = RANK_NONE};
	if (module->dynamic)
		dynamic_symbols(module->dynamic, consider, &search);
	if (module->file && !elf_file_symbols(module->file, SHT_DYNSYM, consider, &search))
		elf_file_symbols(module->file, SHT_SYMTAB, consider, &search);
	if (search.rank == RANK_NONE && elf_module_debug_file(module))
		elf_file_symbols(module->debug, SHT_SYMTAB, consider, &search);
	if (search.rank == RANK_NONE || search.ambiguous)
		return false;

	uint64_t address = search.found.st_value + module->bias;
	if (address < module->start || address >= module->end)
		return false;
	*ret_address = address;
	if (ret_size)
		*ret_size = search.found.st_size;
	return true;
}

/* ---- sections and segments ---------------------------------------------- */

bool elf_module_section(struct elf_module *module, const char *name, uint64_t *ret_address,
			uint64_t *ret_size)
{
	GElf_Shdr header;
	if (!module->file || !elf_file_section(module->file, name, &header) ||
	    !(header.sh_flags & SHF_ALLOC))
		return false;
	uint64_t address = header.sh_addr + module->bias;
	if (address < module->start || address >= module->end ||
	    header.sh_size > module->end - address)
		return false;
	*ret_address = address;
	if (ret_size)
		*ret_size = header.sh_size;
	return true;
}

size_t elf_module_writable(struct elf_module *module, uint64_t (*ranges)[2], size_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < module->segments.count; i++) {
		const Elf64_Phdr *segment = &module->segments.items[i];
		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
			continue;
		if (count < max) {
			ranges[count][0] = module->bias + segment->p_vaddr;
			ranges[count][1] = ranges[count][0] + segment->p_memsz;
		}
		count++;
	}
	return count < max ? count : max;
}

bool elf_module_initial_bytes(struct elf_module *module, uint64_t address, void *buffer,
			      size_t length)
{
	uint64_t in_file = address - module->bias;
	const Elf64_Phdr *segment = segments_find(&module->segments, in_file);
	if (!module->file || !segment || length > segment->p_vaddr + segment->p_memsz - in_file)
		return false;
	uint64_t skip = in_file - segment->p_vaddr;
	size_t from_file = 0;
	if (skip < segment->p_filesz) {
		from_file = segment->p_filesz - skip < length ? segment->p_filesz - skip : length;
		ssize_t got = io_pread_all(module->file->fd, buffer, from_file,
					   (off_t)(segment->p_offset + skip));
		if (got < 0 || (size_t)got != from_file)
			return false;
	}
	memset((char *)buffer + from_file, 0, length - from_file);
	return true;
}
