/* SPDX-License-Identifier: MIT */
/*
 * The notes of a core: what its process was, and which files it had mapped.
 *
 * Only those that are wanted are loaded; a thread has kilobytes of registers
 * that nobody asks for. A core that is cut off within its notes has those before.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/io.h"
#include "target/core/private.h"

/* The kernel stops NT_FILE at 4 MiB (kernel.core_file_note_size_limit: 16 MiB);
 * maps of a snapshot may have as many lines as a process has mappings. */
#define MAX_NOTE (UINT64_C(256) << 20)

/* Half a dozen for each thread. */
#define MAX_NOTES (1u << 19)

void core_process_fini(struct core_process *process)
{
	free(process->threads);
	free(process->auxv);
	*process = (struct core_process){0};
}

uint64_t core_process_auxv(const struct core_process *process, uint64_t type)
{
	for (size_t i = 0; i < process->auxv_count && process->auxv[2 * i] != AT_NULL; i++)
		if (process->auxv[2 * i] == type)
			return process->auxv[2 * i + 1];
	return 0;
}

void core_notes_fini(struct core_notes *notes)
{
	free(notes->files);
	free(notes->maps);
	free(notes->about);
	core_process_fini(&notes->process);
	*notes = (struct core_notes){0};
}

struct note {
	char owner[16];
	uint32_t type;
	uint64_t offset, length; /* of what it says, in the file */
};

/* Loads a note; NUL-terminated. NULL where the file ends before, or no memory. */
static uint8_t *load(const struct core_target *core, const struct note *note)
{
	CLEANUP(freep) uint8_t *bytes = malloc(note->length + 1);
	if (!bytes)
		return NULL;
	ssize_t got = io_pread_all(core->fd, bytes, note->length, (off_t)note->offset);
	if (got < 0 || (uint64_t)got != note->length)
		return NULL;
	bytes[note->length] = 0;
	return take_pointer(bytes);
}

/* ---- one each ----------------------------------------------------------- */

static bool take_file(const struct core_target *core, const struct note *note,
		      struct core_notes *notes)
{
	if (notes->files)
		return true;
	notes->files = load(core, note);
	notes->files_length = note->length;
	notes->files_offset = note->offset;
	return notes->files;
}

static bool take_maps(const struct core_target *core, const struct note *note,
		      struct core_notes *notes)
{
	if (notes->maps)
		return true;
	notes->maps = (char *)load(core, note);
	notes->maps_length = note->length;
	return notes->maps;
}

static bool take_about(const struct core_target *core, const struct note *note,
		       struct core_notes *notes)
{
	if (notes->about)
		return true;
	notes->about = (char *)load(core, note);
	notes->about_length = note->length;
	return notes->about;
}

static bool take_auxv(const struct core_target *core, const struct note *note,
		      struct core_notes *notes)
{
	if (notes->process.auxv)
		return true;
	notes->process.auxv = (void *)load(core, note);
	notes->process.auxv_count = notes->process.auxv ? note->length / 16 : 0;
	return notes->process.auxv;
}

/* A note of another size than that of our own header is of another kernel ABI: it
 * says nothing to us. */
static bool take_psinfo(const struct core_target *core, const struct note *note,
			struct core_notes *notes)
{
	if (notes->process.has_psinfo || note->length != sizeof(notes->process.psinfo))
		return true;
	CLEANUP(freep) uint8_t *bytes = load(core, note);
	if (!bytes)
		return false;
	memcpy(&notes->process.psinfo, bytes, sizeof(notes->process.psinfo));
	notes->process.has_psinfo = true;
	return true;
}

static bool take_status(const struct core_target *core, const struct note *note,
			struct core_notes *notes)
{
	struct core_process *process = &notes->process;
	size_t count = process->thread_count;
	if (note->length != sizeof(*process->threads))
		return true;
	if ((count & (count - 1)) == 0) {
		struct elf_prstatus *threads =
			realloc(process->threads, (count ? 2 * count : 1) * sizeof(*threads));
		if (!threads)
			return false;
		process->threads = threads;
	}
	CLEANUP(freep) uint8_t *bytes = load(core, note);
	if (!bytes)
		return false;
	memcpy(&process->threads[process->thread_count++], bytes, sizeof(*process->threads));
	return true;
}

/* False where it could not be loaded. */
typedef bool taker(const struct core_target *core, const struct note *note,
		   struct core_notes *notes);

static const struct {
	const char *owner;
	uint32_t type;
	taker *take;
} wanted[] = {
	{CORE_NOTE_OWNER, NT_FILE, take_file},
	{CORE_NOTE_OWNER, NT_PRSTATUS, take_status},
	{CORE_NOTE_OWNER, NT_PRPSINFO, take_psinfo},
	{CORE_NOTE_OWNER, NT_AUXV, take_auxv},
	{SNAPSHOT_NOTE_OWNER, SNAPSHOT_NOTE_ABOUT, take_about},
	{SNAPSHOT_NOTE_OWNER, SNAPSHOT_NOTE_MAPS, take_maps},
};

static struct heapspy_error *take(const struct core_target *core, const struct note *note,
				  struct core_notes *notes)
{
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (note->type != wanted[i].type || strcmp(note->owner, wanted[i].owner) != 0)
			continue;
		if (note->length > MAX_NOTE)
			return core_bad(core, note->offset, "a note of %" PRIu64 " bytes",
					note->length);
		if (!wanted[i].take(core, note, notes) &&
		    note->offset + note->length <= core->facts.size)
			return error_no_memory();
	}
	return NULL;
}

/* ---- all ---------------------------------------------------------------- */

/* The note at `at`, and where the next one is; false at the end of the file. */
static bool read_note(const struct core_target *core, uint64_t at, struct note *ret_note,
		      uint64_t *ret_next)
{
	Elf64_Nhdr header;
	if (io_pread_all(core->fd, &header, sizeof(header), (off_t)at) != sizeof(header))
		return false;
	struct note note = {.type = header.n_type, .length = header.n_descsz};
	size_t length = header.n_namesz < sizeof(note.owner) ? header.n_namesz : sizeof(note.owner);
	uint64_t name = at + sizeof(header);
	if (io_pread_all(core->fd, note.owner, length, (off_t)name) != (ssize_t)length)
		return false;
	note.owner[sizeof(note.owner) - 1] = 0;
	note.offset = name + note_align(header.n_namesz);
	*ret_note = note;
	*ret_next = note.offset + note_align(header.n_descsz);
	return true;
}

static struct heapspy_error *read_range(const struct core_target *core,
					const struct core_range *range, unsigned *budget,
					struct core_notes *notes)
{
	uint64_t end = range->offset + range->length, next;
	for (uint64_t at = range->offset; at + sizeof(Elf64_Nhdr) <= end; at = next) {
		struct note note;
		if (!read_note(core, at, &note, &next))
			return NULL;
		if (note.type == 0 && note.length == 0 && !note.owner[0])
			return NULL; /* padding */
		if (note.offset + note.length > end)
			return core_bad(core, at,
					"a note of %" PRIu64 " bytes goes beyond the notes",
					note.length);
		if ((*budget)-- == 0)
			return core_bad(core, at, "more than %u notes", MAX_NOTES);
		struct heapspy_error *error = take(core, &note, notes);
		if (error)
			return error;
	}
	return NULL;
}

struct heapspy_error *core_read_notes(const struct core_target *core, struct core_notes *ret_notes)
{
	struct core_notes notes = {0};
	struct heapspy_error *error = NULL;
	unsigned budget = MAX_NOTES;
	for (size_t i = 0; i < core->headers.note_count && !error; i++)
		error = read_range(core, &core->headers.notes[i], &budget, &notes);
	if (error)
		core_notes_fini(&notes);
	else
		*ret_notes = notes;
	return error;
}
