/* SPDX-License-Identifier: MIT */
/* A core file as a target: what its parts share. Only core*.c include it. */
#ifndef TARGET_CORE_PRIVATE_H
#define TARGET_CORE_PRIVATE_H

#include "target/core/core.h"
#include "target/core/format.h"
#include "target/ops.h"

/* Memory of the process: addresses from `start` on, of which the first `length`
 * bytes are dumped at `offset` of the file. The file may end before. */
struct core_segment {
	uint64_t start, end;
	uint64_t offset, length;
	unsigned flags; /* MAPPING_* */
};

/* Where notes are in the file. */
struct core_range {
	uint64_t offset, length;
};

struct core_headers {
	struct core_segment *segments; /* by address, never overlapping */
	size_t segment_count;
	struct core_range *notes;
	size_t note_count;
	uint64_t cut_off; /* bytes of segments beyond the end of the file */
};

/* A file that was mapped, and what is known of it on this machine. */
struct core_mapped_file {
	dev_t device;
	ino_t inode;
	int fd;             /* -1: not at hand */
	const char *reason; /* why not, static text; NULL with fd -1: free slot */
};

enum { CORE_FILES = 64 };

struct core_target {
	struct target base;
	int fd;
	char *path;
	struct core_headers headers;
	struct core_facts facts;
	char *about;
	const struct core_segment *last; /* the segment that was read last, or NULL */
	struct core_mapped_file files[CORE_FILES];
	size_t next_file;
};

/* "cannot read X", why: "at offset N: ..." */
struct heapspy_error *core_bad(const struct core_target *core, uint64_t offset, const char *why,
			       ...) HEAPSPY_PRINTF(3, 4);

/* As above, of the file as a whole. */
struct heapspy_error *core_refuse(const struct core_target *core, const char *why, ...)
	HEAPSPY_PRINTF(2, 3);

/* core_kind.c: NULL if the file begins like a core that we read, else what it is. */
struct heapspy_error *core_check_kind(const struct core_target *core, Elf64_Ehdr *ret_header);

/* core_headers.c */
struct heapspy_error *core_read_headers(const struct core_target *core, const Elf64_Ehdr *header,
					struct core_headers *ret_headers);
void core_headers_fini(struct core_headers *headers);

/* The segment that holds the address, else the next above it, else NULL. */
const struct core_segment *core_segment_after(const struct core_headers *headers, uint64_t address);

/* core_notes.c: what the maps are made of, and the process. */
struct core_notes {
	uint8_t *files; /* NT_FILE */
	uint64_t files_length, files_offset;
	char *maps; /* of a snapshot, NUL-terminated */
	size_t maps_length;
	char *about;
	size_t about_length;
	struct core_process process;
};

struct heapspy_error *core_read_notes(const struct core_target *core, struct core_notes *ret_notes);
void core_notes_fini(struct core_notes *notes);

/* core_maps.c: takes over what it needs of the notes. */
struct heapspy_error *core_make_maps(const struct core_target *core, struct core_notes *notes,
				     struct maps *ret_maps);

/* core_read.c */
void core_read_piece(struct target *target, uint64_t address, void *buffer, size_t length,
		     size_t *ret_missing, enum fault *ret_fault);
void core_read_many(struct target *target, struct target_read *reads, size_t count);

uint64_t core_next_data(struct target *target, uint64_t address, uint64_t end);

/* Bytes that the core itself holds, all of them or false. */
bool core_read_dumped(const struct core_target *core, uint64_t address, void *buffer,
		      size_t length);

/* core_files.c: a descriptor of the file behind a mapping, proven to be that of the
 * process; not to be closed. -1, and why. */
int core_mapped_file(struct core_target *core, const struct mapping *mapping,
		     const char **ret_reason);
/* Does the core show that it is of an ELF file? */
bool core_is_program(const struct core_target *core, const struct mapping *mapping);
int core_open_mapped_file(struct target *target, const struct mapping *mapping);
void core_close_files(struct core_target *core);

#endif
