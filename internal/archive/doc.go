// Package archive copies the files of complete rows from the provider, which deletes them
// after days, to storage of the application's own, and then puts the own URLs into the clips.
//
//	end of a row ──▶ Effect: files to copy, and a River job, in the same transaction
//	job          ──▶ claim the files ─▶ fetch ─▶ sniff ─▶ store ─▶ note length and SHA-256
//	             ──▶ one transaction: own URLs into the clips, an event, files archived
//
// What must stay true:
//
//   - The table tasksync.archived_files is the truth. A job that is lost or doubled costs a
//     sweep or a claim that finds nothing.
//   - A column changes only from the source to the own URL, under the locks of the row and its
//     clips, in a row that is complete. What the application wrote meanwhile stays, and no
//     status is written at all.
//   - An object is complete or not there: a body that breaks off is never stored. A
//     multipart upload is noted before its first part is sent, and aborted by whoever works on
//     the file next.
//   - A file is held in memory by one part at a time, whatever its length.
//   - No text of a URL's query, and no key, is logged or kept as an error.
package archive
