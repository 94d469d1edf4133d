package simulator

import (
	"fmt"
	"strings"
)

// Fate is what happens to a task, by name. The set is closed: see [Fates]. The
// empty fate means that one is drawn from the seed.
//
// Every fate is defined for every task type. A fate that a type cannot have (a lyrics
// task has no streaming state, a merge no second clip) becomes the nearest one that it
// can have, as the fate's comment says.
type Fate string

// The fates that end well.
const (
	// Success: pending, text, streaming, first clip, all clips.
	Success Fate = "success"
	// Ready is final at the first status request.
	Ready Fate = "ready"
	// OneClip gives one clip where two are usual.
	OneClip Fate = "one_clip"
	// LateItems has status SUCCESS without items for a while.
	LateItems Fate = "late_items"
	// Regressing shows values that a later, not yet final answer has empty
	// again. Lyrics: as Success.
	Regressing Fate = "regressing"
	// Reordered changes the order of the clips from answer to answer. Lyrics,
	// which have no ids: as Success.
	Reordered Fate = "reordered"
	// Partial hides the second clip until the first one is done. Lyrics: as
	// Success.
	Partial Fate = "partial"
	// NullTitles has null for every title.
	NullTitles Fate = "null_titles"
	// UUIDTitles has the clip's id for a title: the first clip's until it is
	// final, the second's for good. Lyrics, which have no ids: as NullTitles.
	UUIDTitles Fate = "uuid_titles"
	// SourceAudio has the final audio under sourceAudioUrl only: audioUrl is
	// the sentinel …/api/forbidden for the first clip, empty for the second; the
	// stream and image URLs of the second are under their source names, too.
	// Lyrics: as Success.
	SourceAudio Fate = "source_audio"
	// FailedItem has one of two lyrics fail with a text of its own. Music: as
	// OneClip.
	FailedItem Fate = "failed_item"
	// CallbackException ends as CALLBACK_EXCEPTION, with all items.
	CallbackException Fate = "callback_exception"
	// UnknownStatus has an undocumented status word for a while.
	UnknownStatus Fate = "unknown_status"
)

// The refusals: the provider will not make this. Their texts are drawn from real ones,
// and so is the status: SENSITIVE_WORD_ERROR with errorCode 0, or the general failure
// with errorCode 400.
const (
	RefusedArtist        Fate = "refused_artist"
	RefusedCopyright     Fate = "refused_copyright"
	RefusedInappropriate Fate = "refused_inappropriate"
	RefusedModeration    Fate = "refused_moderation"
	RefusedMalformed     Fate = "refused_malformed"
	// RefusedAudio is the copyright refusal with errorCode 413. Lyrics: as
	// RefusedCopyright.
	RefusedAudio Fate = "refused_audio"
	// RefusedPending has status PENDING with errorCode or errorMessage for minutes
	// before the status changes.
	RefusedPending Fate = "refused_pending"
	// RefusedSilently is SENSITIVE_WORD_ERROR without code and message.
	RefusedSilently Fate = "refused_silently"
	// Invalid is a validation error that concerns no content.
	Invalid Fate = "invalid"
)

// The provider's own failures.
const (
	CreateFailed  Fate = "create_failed"  // CREATE_TASK_FAILED, 500
	InternalError Fate = "internal_error" // GENERATE_AUDIO_FAILED, 500
	AudioFailed   Fate = "audio_failed"   // GENERATE_AUDIO_FAILED, 501
	Refunded      Fate = "refunded"       // GENERATE_AUDIO_FAILED, 531
	// LacksCredits fails with a text that sounds like the account's.
	LacksCredits Fate = "lacks_credits"
	// Stuck is pending forever.
	Stuck Fate = "stuck"
	// StuckStreaming has something to hear and never gets further. Lyrics: as
	// Stuck.
	StuckStreaming Fate = "stuck_streaming"
	// Forgotten is a task that was accepted and is not known any more.
	Forgotten Fate = "forgotten"
)

// fateEntry is one row of the table that everything about fates comes from.
type fateEntry struct {
	fate   Fate
	weight float64 // in the default mix
	about  string
	live   func(*plot)
}

// --help and the draw have this order: appending a row keeps the tasks of an old seed
// only if the weight of the row is 0.
var fates = []fateEntry{
	{Success, 760, "pending, text, streaming, first clip, all clips, at lifelike times", liveSuccess},
	{Ready, 40, "complete at the first look", liveReady},
	{OneClip, 15, "complete, with one clip where two are usual", liveOneClip},
	{LateItems, 15, "SUCCESS without items for a while, then with them", liveLateItems},
	{Regressing, 15, "values that were there are empty in a later answer, and back in the final one", liveRegressing},
	{Reordered, 15, "clips change their order from answer to answer", liveReordered},
	{Partial, 15, "the second clip only appears with FIRST_SUCCESS", livePartial},
	{NullTitles, 10, "null titles", liveNullTitles},
	{UUIDTitles, 10, "clip ids for titles", liveUUIDTitles},
	{SourceAudio, 10, "final URLs under their source… names only", liveSourceAudio},
	{FailedItem, 5, "lyrics: one of two fails; music: as one_clip", liveFailedItem},
	{CallbackException, 10, "CALLBACK_EXCEPTION with all items", liveCallbackException},
	{UnknownStatus, 10, "an undocumented status word for a while, then success", liveUnknownStatus},
	{RefusedArtist, 8, "refused: artist name or producer tag", liveRefusedArtist},
	{RefusedCopyright, 6, "refused: copyrighted lyrics", liveRefusedCopyright},
	{RefusedAudio, 2, "refused: uploaded audio is a known work (errorCode 413)", liveRefusedAudio},
	{RefusedInappropriate, 5, "refused: inappropriate content", liveRefusedInappropriate},
	{RefusedModeration, 6, "refused: flagged for moderation", liveRefusedModeration},
	{RefusedMalformed, 4, "refused: malformed prompt", liveRefusedMalformed},
	{RefusedPending, 3, "refused, while the status says PENDING for minutes", liveRefusedPending},
	{RefusedSilently, 2, "SENSITIVE_WORD_ERROR without code and message", liveRefusedSilently},
	{Invalid, 4, "a validation error that concerns no content", liveInvalid},
	{CreateFailed, 5, "CREATE_TASK_FAILED, errorCode 500", liveCreateFailed},
	{InternalError, 10, "GENERATE_AUDIO_FAILED, errorCode 500", liveInternalError},
	{AudioFailed, 5, "GENERATE_AUDIO_FAILED, errorCode 501", liveAudioFailed},
	{Refunded, 3, "GENERATE_AUDIO_FAILED, errorCode 531", liveRefunded},
	{Stuck, 2, "pending forever", liveStuck},
	{StuckStreaming, 3, "streaming forever: a preview, never final", liveStuckStreaming},
	{Forgotten, 2, "accepted, then unknown to the provider", liveForgotten},
	{LacksCredits, 1, "fails with a text that sounds like the account's, errorCode 500", liveLacksCredits},
}

// Fates returns all fates in the order of the documentation.
func Fates() []Fate {
	names := make([]Fate, len(fates))
	for i, e := range fates {
		names[i] = e.fate
	}
	return names
}

// ParseFate returns the fate of that name, in any case and with - for _. The
// empty name is the empty fate: to be drawn.
func ParseFate(name string) (Fate, error) {
	f := Fate(canonical(name))
	if f == "" {
		return f, nil
	}
	if _, ok := f.entry(); !ok {
		return "", fmt.Errorf("unknown fate %q", name)
	}
	return f, nil
}

func (f Fate) entry() (fateEntry, bool) {
	for _, e := range fates {
		if e.fate == f {
			return e, true
		}
	}
	return fateEntry{}, false
}

func canonical(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
}

// Mix is a distribution: the weight of each fate that can be drawn. Weights
// need not sum up to anything; what is absent, or not above 0, is never drawn.
type Mix map[Fate]float64

// DefaultMix returns the distribution that is drawn from by default: nine of
// ten tasks end well, and every fate occurs.
func DefaultMix() Mix {
	mix := make(Mix, len(fates))
	for _, e := range fates {
		mix[e.fate] = e.weight
	}
	return mix
}
