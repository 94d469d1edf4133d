package sunoclips

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tasksync/task"
	"tasksync/upstream"
)

// Fetch is [upstream.Round.Fetch], but the round asks for clips, two dozen a call, and
// for lyrics one by one. Fetch puts the clips of each task together afterwards.
func (a *Adapter) Fetch(ctx context.Context, refs []task.Ref) ([]task.Observation, error) {
	p := planOf(refs)
	found, err := upstream.Round{
		Provider: name, FanOut: a.fanOut, Batch: maxClips, Kind: kindOf, Check: checked,
		One: a.one, Many: a.many, Suspects: &a.suspects,
	}.Fetch(ctx, p.refs)
	clips := map[string]task.Observation{}
	seen := p.bad
	for _, obs := range found {
		clips[strings.ToLower(obs.TaskID)] = obs
		for _, taskID := range p.lyrics[obs.TaskID] {
			obs.TaskID = taskID
			seen = append(seen, obs)
		}
	}
	for _, g := range p.groups {
		if obs, ok := a.observe(g, clips, err); ok {
			seen = append(seen, obs)
		}
	}
	return seen, p.taskError(err)
}

// taskError turns an error of the round, which names clips and lyrics, into one that
// names tasks: a task was asked for if one of its clips was.
func (p *plan) taskError(err error) error {
	part, ok := errors.AsType[*task.PartError](err)
	if !ok {
		return err
	}
	asked := map[string]bool{}
	for _, g := range p.groups {
		asked[g.taskID] = slices.ContainsFunc(g.ids, func(id string) bool { return part.Asked[id] })
	}
	for path, ids := range p.lyrics {
		for _, id := range ids {
			asked[id] = asked[id] || part.Asked[path]
		}
	}
	part.Asked = asked
	return err
}

// plan is what a Fetch asks for.
type plan struct {
	groups []group
	lyrics map[string][]string // by path of a lyric: the ids of its tasks, as the caller spells them
	refs   []task.Ref          // of the round: by clip id, or by path of a lyric
	bad    []task.Observation  // of tasks that cannot be asked for
}

// lyricPath is the path before a lyric's id; no clip id begins with it.
const lyricPath = "lyrics/"

// lyricID matches ids that can be a lyric's and need no escape in a path.
var lyricID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// planOf makes the plan for refs, each taken once.
func planOf(refs []task.Ref) plan {
	p := plan{lyrics: map[string][]string{}}
	type key struct {
		id     string
		lyrics bool
	}
	taken := map[key]bool{}
	for _, ref := range refs {
		k := key{ref.TaskID, ref.Type == task.Lyrics}
		if taken[k] {
			continue
		}
		taken[k] = true
		g, id := groupOf(ref), strings.TrimSpace(ref.TaskID)
		switch {
		case k.lyrics && lyricID.MatchString(id):
			p.lyrics[lyricPath+id] = append(p.lyrics[lyricPath+id], ref.TaskID)
			p.refs = append(p.refs, task.Ref{TaskID: lyricPath + id, Type: task.Lyrics, Alone: ref.Alone})
		case !k.lyrics && len(g.ids) > 0:
			p.groups = append(p.groups, g)
			p.add(g, ref.Alone)
		default:
			p.bad = append(p.bad, task.Observation{TaskID: ref.TaskID, Failure: noClipID()})
		}
	}
	return p
}

// add adds the clips of a group, each once whatever its spelling.
func (p *plan) add(g group, alone bool) {
	for _, id := range g.ids {
		at := slices.IndexFunc(p.refs, func(ref task.Ref) bool { return strings.EqualFold(ref.TaskID, id) })
		if at < 0 {
			p.refs = append(p.refs, task.Ref{TaskID: id, Alone: alone})
		} else if alone {
			p.refs[at].Alone = true
		}
	}
}

// checked accepts every ref: planOf has checked it.
func checked(task.Ref) *task.Failure { return nil }

// kindOf says that lyrics have no batch call.
func kindOf(ref task.Ref) (kind string, batch bool) {
	return "", !strings.HasPrefix(ref.TaskID, lyricPath)
}

func (a *Adapter) one(ctx context.Context, ref task.Ref) (*task.Observation, error) {
	if strings.HasPrefix(ref.TaskID, lyricPath) {
		return a.lyric(ctx, ref.TaskID)
	}
	clips, err := a.many(ctx, "", []task.Ref{ref})
	if err != nil {
		return nil, err
	}
	return clips[0], nil
}

func (a *Adapter) many(ctx context.Context, _ string, refs []task.Ref) (clips []*task.Observation, err error) {
	ids := make([]string, len(refs))
	for i, ref := range refs {
		ids[i] = ref.TaskID
	}
	err = a.Get(ctx, "clips", url.Values{"ids": {strings.Join(ids, ",")}}, func(ans upstream.Answer) (code int, f *task.Failure) {
		clips, f = a.readClips(ids, ans)
		return 0, f
	})
	return clips, err
}

func (a *Adapter) lyric(ctx context.Context, path string) (*task.Observation, error) {
	var obs task.Observation
	err := a.Get(ctx, path, nil, func(ans upstream.Answer) (code int, f *task.Failure) {
		obs, f = a.readLyric(ans)
		return 0, f
	})
	return &obs, err
}
