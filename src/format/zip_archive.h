/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a zip file (PKWARE's APPNOTE.TXT, with zip64), where they lie in its bytes.
 *
 * The central directory is believed only as far as the local headers say the same: entries may
 * not overlap, no name may come twice or lead out of the archive, and every entry lies whole in
 * front of the directory. Nothing is inflated: what is stored uncompressed, as PyTorch and NumPy
 * write it, is read in place. Checksums are not held against the data, which would mean to read
 * gigabytes at opening, and which PyTorch may leave out.
 *
 * Nothing but the names is copied: the block has to outlive the archive. Any thread may call.
 */
#ifndef OSPREY_FORMAT_ZIP_ARCHIVE_H
#define OSPREY_FORMAT_ZIP_ARCHIVE_H

#include <osprey/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSPREY__ZIP_ENTRIES 1000000u

typedef struct osprey__zip_entry {
    const char *name;
    const uint8_t *data; /* of a stored entry: bytes of them; else compressed */
    size_t bytes;
    bool stored; /* neither compressed nor encrypted */
} osprey__zip_entry;

typedef struct osprey__zip_archive {
    const char *file;
    osprey__zip_entry *entries; /* sorted by name */
    size_t count;
    char *names;
} osprey__zip_archive;

/*
 * file is named by errors and has to outlive the archive. On error *archive is empty; freed with
 * osprey__zip_free. Errors: OSPREY_FORMAT, OSPREY_LIMIT, OSPREY_UNSUPPORTED (several disks),
 * OSPREY_OUT_OF_MEMORY.
 */
osprey_status osprey__zip_open(const uint8_t *bytes, size_t length, const char *file,
                               osprey__zip_archive *archive, osprey_error *error);

/* The entry of that name, or NULL. */
const osprey__zip_entry *osprey__zip_find(const osprey__zip_archive *archive, const char *name);

/* The same for one who reads it: OSPREY_NOT_FOUND, or OSPREY_UNSUPPORTED where it is not stored. */
osprey_status osprey__zip_get(const osprey__zip_archive *archive, const char *name,
                              const osprey__zip_entry **entry, osprey_error *error);

/* Takes an empty (zeroed) archive too. */
void osprey__zip_free(osprey__zip_archive *archive);

#endif
