package archive

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"s3://b/p?public_url=https://x.example":                                 "",
		"s3://b?public_url=https://x.example/&endpoint=abc.example&region=auto": "",
		"file:///srv/songs?public_url=http://x.example/s":                       "",
		"s3://b/p":                                             "public_url",
		"s3://key:secret@b?public_url=https:x":                 "AWS_ACCESS_KEY_ID",
		"s3:///p?public_url=https://x.example":                 "no bucket",
		"s3://b?public_url=https://x.example&endpoint=ftp://x": "endpoint",
		"s3://b?public_url=https://x.example&acl=public":       `"acl"`,
		"gs://b?public_url=https://x.example":                  "neither",
		"file://host/p?public_url=https://x.example":           "neither",
		"file:///?public_url=https://x.example":                "neither",
		"s3://b?public_url=x.example":                          "public_url",
		"s3://b?public_url=https://x.example/?a=b":             "public_url",
		"s3://b?public_url=https://x.example/%23a":             "public_url",
		"s3://b?public_url=https://u:secret@x.example":         "public_url",
		"s3://%zz": "no URL",
	} {
		s, err := Settings{Address: address}.Parse()
		if want == "" {
			require.NoError(t, err, address)
			require.Equal(t, []string{Audio, Image}, s.Kinds)
			require.NotContains(t, s.Shown(), "?")
			continue
		}
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := Settings{Address: "file:///a?public_url=https://x.example", Kinds: []string{"audio", "lyrics"}}.Parse()
	require.ErrorContains(t, err, `"lyrics"`)
}

func TestKeyTemplates(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		DefaultKey: "", "{provider}/{kind}/{generation_id}-{clip_id}.{ext}": "",
		"{clip_id}.{ext}":                         "{generation_id}",
		"{generation_id}/{clip_id}":               "{ext}",
		"{generation_id}/{clip_id}.{ext}/{title}": "{title}",
		"../{generation_id}/{clip_id}.{ext}":      `".."`,
		"/{generation_id}/{clip_id}.{ext}":        `""`,
		"a b/{generation_id}/{clip_id}.{ext}":     `"a b"`,
	} {
		err := checkTemplate(template)
		if want == "" {
			require.NoError(t, err, template)
			continue
		}
		require.ErrorContains(t, err, want, template)
	}
}

// Whatever an id is, it is one part of the key, and no other id has the same.
func TestKeysAreSafe(t *testing.T) {
	t.Parallel()
	s := Settings{Key: DefaultKey}
	seen := map[string]string{}
	for _, id := range []string{
		"a", "A1-b_c.d", "", "..", ".", "../../etc/passwd", "a/b", "a_b", `a\b`, "a\x00b", "é", "e", "日本", "日木", ".hidden", strings.Repeat("x", 300),
		strings.Repeat("x", 301), "a b", "a%2fb", "{ext}", "none",
	} {
		key := s.key(names{"u", "g", id, Audio, "p", "mp3"})
		parts := strings.Split(key, "/")
		require.Len(t, parts, 3, id)
		require.Regexp(t, `^[A-Za-z0-9_-][A-Za-z0-9._-]*\.mp3$|^-[0-9a-f]{16}\.mp3$`, parts[2], id)
		require.LessOrEqual(t, len(parts[2]), 130)
		if other, ok := seen[key]; ok && id != "none" && other != "" {
			t.Fatalf("%q and %q have the same key", id, other)
		}
		seen[key] = id
	}
}

func TestSniff(t *testing.T) {
	t.Parallel()
	for head, want := range map[string][2]string{
		"ID3\x04":                              {Audio, "mp3"},
		"\xff\xfb\x10\xc0":                     {Audio, "mp3"},
		"\xff\xf1\x50\x80":                     {Audio, "aac"},
		"OggS":                                 {Audio, "ogg"},
		"fLaC":                                 {Audio, "flac"},
		"RIFF\x00\x00\x00\x00WAVE":             {Audio, "wav"},
		"\x00\x00\x00\x18ftypM4A ":             {Audio, "m4a"},
		"\x00\x00\x00\x18ftypisom":             {Audio, "m4a"}, // as audio was wanted
		"\x00\x00\x00\x18ftypavif":             {Image, "avif"},
		"\x00\x00\x00\x18ftypqt  ":             {Video, "mp4"},
		"RIFF\x00\x00\x00\x00WEBP":             {Image, "webp"},
		"\xff\xd8\xff\xe0":                     {Image, "jpg"},
		"\x89PNG\r\n\x1a\n":                    {Image, "png"},
		"\x1a\x45\xdf\xa3":                     {Video, "webm"},
		"":                                     {"", "empty"},
		"<?xml version='1.0'?>":                {"", "xml"},
		"\xef\xbb\xbf \n<!DOCTYPE HTML><html>": {"", "html"},
		"<svg xmlns=":                          {"", "xml"},
		`{"code":404}`:                         {"", "json"},
		"\xff\xff\xff\xff":                     {"", "unknown_content"},
		"not here":                             {"", "unknown_content"},
		"RIFF\x00\x00\x00\x00AVI ":             {"", "unknown_content"},
	} {
		f := sniff([]byte(head), Audio)
		require.Equal(t, want, [2]string{f.kind, f.ext}, "%q", head)
	}
	require.Equal(t, "mp4", sniff([]byte("\x00\x00\x00\x18ftypisom"), Video).ext)
}

// Attempts become rarer, the alarm comes with a quarter of the time left, and a file is
// given up only when the provider has deleted it.
func TestProspects(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	week := 7 * 24 * time.Hour
	at := func(age time.Duration, attempts int, gone bool) prospect {
		return prospectOf(now, tries{now.Add(-age), now.Add(-age), week, attempts, false}, &failure{gone: gone})
	}
	require.Equal(t, now.Add(5*time.Second), at(0, 1, false).due)
	require.Equal(t, now.Add(6*time.Hour), at(0, 100, false).due)
	require.Equal(t, now.Add(week*3/4), at(0, 1, false).alarm)
	require.False(t, at(week-time.Second, 30, false).lost)
	require.True(t, at(week, 30, false).lost)
	require.False(t, at(0, goneAfter-1, true).lost)
	require.True(t, at(0, goneAfter, true).lost)
	old := prospectOf(now, tries{now.Add(-30 * week), now, week, 1, false}, failed("xml"))
	require.False(t, old.lost, "a backfill tries a day long")
	require.Equal(t, now.Add(18*time.Hour), old.alarm)
	copied := tries{now.Add(-2 * week), now.Add(-2 * week), week, 30, true}
	require.False(t, prospectOf(now, copied, failed("not_readable")).lost, "its URL may still be written")
	require.True(t, prospectOf(now, copied, &failure{gone: true}).lost, "the copy is not there, after all")
}
