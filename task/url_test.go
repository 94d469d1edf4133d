package task

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsableURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                                "",
		"   ":                             "",
		"https://cdn.example/a.mp3":       "https://cdn.example/a.mp3",
		" https://cdn.example/a.mp3\n":    "https://cdn.example/a.mp3",
		"HTTP://cdn.example/a.mp3?sig=1":  "HTTP://cdn.example/a.mp3?sig=1",
		"https://[2001:db8::1]:8443/a":    "https://[2001:db8::1]:8443/a",
		"//cdn.example/a.mp3":             "",
		"/a.mp3":                          "",
		"cdn.example/a.mp3":               "",
		"https:///a.mp3":                  "",
		"https://:443/a.mp3":              "",
		"ftp://cdn.example/a.mp3":         "",
		"file:///etc/passwd":              "",
		"javascript:alert(1)":             "",
		"data:audio/mpeg;base64,AAAA":     "",
		"https://u:p@cdn.example/a.mp3":   "",
		"https://u@cdn.example/a.mp3":     "",
		"https://cdn.example/a\x00b.mp3":  "",
		"https://cdn.example/a\nb.mp3":    "",
		"https://cdn.example/a\xffb.mp3":  "",
		"https://cdn.example/%zz":         "",
		"None":                            "",
		"null":                            "",
		"https://x.example/api/forbidden": "",
		"https://studio-api.prod.suno.com/api/forbidden":                                 "",
		"https://studio-api.prod.suno.com/api/forbidden/":                                "",
		"https://studio-api.prod.suno.com/api/forbidden?id=1":                            "",
		"https://cdn.example/api/forbidden-love.mp3":                                     "https://cdn.example/api/forbidden-love.mp3",
		"https://cdn.example/" + strings.Repeat("a", maxURL):                             "",
		"https://cdn.example/" + strings.Repeat("a", maxURL-len("https://cdn.example/")): "https://cdn.example/" + strings.Repeat("a", maxURL-len("https://cdn.example/")),
	} {
		require.Equal(t, want, usableURL(raw), "%q", raw)
	}
}

func TestUsableURLOfAName(t *testing.T) {
	t.Parallel()
	for raw, usable := range map[string]bool{
		"https://cdn1.suno.ai/None.mp3":                               false,
		"https://cdn1.suno.ai/null.mp3?sig=1":                         false,
		"https://cdn1.suno.ai/undefined":                              false,
		"https://cdn1.suno.ai/undefined.MP3":                          false,
		"https://cdn1.suno.ai/a/NULL":                                 false,
		"https://cdn1.suno.ai/None/":                                  false,
		"https://cdn1.suno.ai/%4eone.mp4":                             false,
		"https://cdn2.suno.ai/image_None.jpeg":                        false,
		"https://cdn2.suno.ai/image_large_undefined.png":              false,
		"https://audiopipe.suno.ai/?item_id=None":                     false,
		"https://cdn.example/none-of-us.mp3":                          true,
		"https://cdn.example/undefined.html":                          true,
		"https://cdn.example/None.mp3/a.mp3":                          true,
		"https://null.example/a.mp3?next=null":                        true,
		"https://cdn.example/nullable":                                true,
		"https://cdn.example/":                                        true,
		"https://cdn.example":                                         true,
		"https://cdn.example/a.mp3?X-Amz-Signature=" + longText(2048): true,
		"https://audiopipe.suno.ai/?item_id=" + idA:                   true,
	} {
		require.Equal(t, usable, usableURL(raw) != "", "%q", raw)
	}
}

func TestFinalURL(t *testing.T) {
	t.Parallel()
	for raw, final := range map[string]bool{
		"":                          false,
		"https://cdn.example/a.mp3": true,
		"https://audiopipe.suno.ai/?item_id=" + idA:      false,
		"https://AudioPipe.suno.ai:443/?item_id=" + idA:  false,
		"https://studio-api.prod.suno.com/api/forbidden": false,
		"https://cdn1.suno.ai/" + idA + ".mp3":           true,
	} {
		require.Equal(t, final, finalURL(raw) != "", raw)
	}
}

func TestCDNURLOnlyFromUUIDs(t *testing.T) {
	t.Parallel()
	require.Equal(t, "https://cdn1.suno.ai/"+idA+".mp3", CDNURL(idA))
	require.Equal(t, "https://cdn1.suno.ai/"+idA+".mp3", CDNURL(strings.ToUpper(idA)))
	for _, id := range []string{"", "None", "null", "t-extend-0", "t-clip-1", idA + "-clip-1", idA + "\n", " " + idA, idA[:35], idA + "0", strings.ReplaceAll(idA, "-", ""), "../" + idA} {
		require.Empty(t, CDNURL(id), id)
	}
}

func TestIsUUID(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile(`(?i)^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	const id = "0123abCD-EF45-4678-9aBc-def012345678"
	require.True(t, IsUUID(id))
	for at := range len(id) { // every byte at every place
		for c := range 256 {
			other := id[:at] + string([]byte{byte(c)}) + id[at+1:]
			require.Equal(t, pattern.MatchString(other), IsUUID(other), "%q", other)
		}
	}
	for _, other := range []string{"", id[1:], id + "0", "{" + id + "}", strings.ReplaceAll(id, "-", "")} {
		require.False(t, IsUUID(other), other)
	}
}
