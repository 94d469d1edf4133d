// Package sunoclips is the adapter of Suno's own token-based API, made for its
// hackathons. The API knows clips and lyrics, but no tasks:
//
//	GET clips?ids=a,b,c   an array of clips, bare or as {"clips": […]}
//	GET lyrics/{id}       one lyric
//
// So a task with audio is a group of clip ids, which [task.Ref] names (see group).
// One call asks for the clips of many groups, and a group that is longer than a call
// is asked for by several. Its observation is put together afterwards from all of
// them, and a clip that breaks its call hides no other clip:
//
//	refs ─▶ groups ─▶ clip ids ─▶ calls ─▶ clips by id ─▶ observations
//
// While clips of a group go on, its items give the group's status. Only the adapter
// knows how many clips the group has, so only the adapter can say that all of them
// have ended. A clip that is missing from the answer has not ended.
//
// A clip may be complete and have no audio: since August 2026 audio_url can be a
// sentinel. The sentinel is handed on, and the group as complete. Package task does
// not take the sentinel for a URL, so it waits, and applies the CDN rule when the time
// is up.
package sunoclips
