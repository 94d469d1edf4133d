package archive

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// The kinds of files.
const (
	Audio = "audio"
	Image = "image"
	Video = "video"
)

// Kinds returns the kinds of files.
func Kinds() []string { return []string{Audio, Image, Video} }

// DefaultKey is the default of [Settings.Key].
const DefaultKey = "{user_id}/{generation_id}/{clip_id}.{ext}"

// Settings say where files go, and which.
type Settings struct {
	// Address is s3://bucket/prefix?endpoint=…&region=…&public_url=… or
	// file:///path?public_url=….
	Address string
	// Kinds of files to copy; default: audio and image.
	Kinds []string
	// Key is the template of names; default: DefaultKey.
	Key string
}

// target is an Address that was read.
type target struct {
	bucket, prefix   string // of s3
	endpoint, region string
	dir              string // of file
	public           string // without a slash at its end
	check            bool   // whether public URLs are tried
}

// Parse checks the settings, and returns them with their defaults.
func (s Settings) Parse() (Settings, error) {
	if s.Kinds == nil {
		s.Kinds = []string{Audio, Image}
	}
	if s.Key == "" {
		s.Key = DefaultKey
	}
	for _, k := range s.Kinds {
		if !slices.Contains(Kinds(), k) {
			return s, fmt.Errorf("%q is no kind of file; name some of %s", k, strings.Join(Kinds(), ", "))
		}
	}
	if err := checkTemplate(s.Key); err != nil {
		return s, err
	}
	_, err := s.target()
	return s, err
}

// parameters are what an address may have in its query.
var parameters = []string{"endpoint", "region", "public_url", "check"} //nolint:gochecknoglobals // a constant table

func (s Settings) target() (target, error) {
	u, err := url.Parse(s.Address)
	if err != nil {
		return target{}, fmt.Errorf("is no URL; give s3://bucket/prefix?public_url=… or file:///path?public_url=…")
	}
	q := u.Query()
	for name := range q {
		if !slices.Contains(parameters, name) {
			return target{}, fmt.Errorf("has parameter %q, which is none of %s", name, strings.Join(parameters, ", "))
		}
	}
	t := target{public: strings.TrimRight(q.Get("public_url"), "/"), check: q.Get("check") != "off"}
	public, err := url.Parse(t.public)
	switch {
	case u.User != nil:
		return t, fmt.Errorf("holds a key; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead")
	case err != nil, public.Scheme != "https" && public.Scheme != "http", public.Hostname() == "", public.RawQuery != "", public.Fragment != "", public.User != nil:
		return t, fmt.Errorf("needs public_url, the http or https address under which everybody can read the files, without a user, a query or a fragment")
	case u.Scheme == "s3":
		return t.s3(u, q)
	case u.Scheme == "file" && u.Host == "" && len(u.Path) > 1:
		t.dir = u.Path
		return t, nil
	}
	return t, fmt.Errorf("is neither s3://bucket/prefix?… nor file:///path?…")
}

func (t target) s3(u *url.URL, q url.Values) (target, error) {
	t.bucket, t.prefix = u.Host, strings.Trim(u.Path, "/")
	t.endpoint, t.region = q.Get("endpoint"), q.Get("region")
	if t.region == "" {
		t.region = os.Getenv("AWS_REGION")
	}
	if t.region == "" {
		t.region = os.Getenv("AWS_DEFAULT_REGION")
	}
	if t.region == "" {
		t.region = "us-east-1"
	}
	if t.endpoint == "" {
		t.endpoint = "https://s3." + t.region + ".amazonaws.com"
	}
	if !strings.Contains(t.endpoint, "://") {
		t.endpoint = "https://" + t.endpoint
	}
	e, err := url.Parse(t.endpoint)
	switch {
	case t.bucket == "":
		return t, fmt.Errorf("names no bucket; give s3://bucket/prefix?…")
	case err != nil, e.Hostname() == "", e.Scheme != "https" && e.Scheme != "http", e.User != nil:
		return t, fmt.Errorf("has an endpoint that is no address like https://ACCOUNT.r2.cloudflarestorage.com")
	}
	return t, nil
}

// own returns the prefix of own URLs.
func (t target) own() string { return t.public + "/" }

// url returns the address under which a key can be read.
func (t target) url(key string) string {
	parts := strings.Split(key, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return t.own() + strings.Join(parts, "/")
}

// Shown returns an address for logs: without its parameters.
func (s Settings) Shown() string {
	at, _, _ := strings.Cut(s.Address, "?")
	return at
}
