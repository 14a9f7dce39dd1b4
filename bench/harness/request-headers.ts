/** What every load generator sends besides Host: five fields in all, about as much as a small API client sends. */
export const REQUEST_HEADERS: Readonly<Record<string, string>> = {
  'User-Agent': 'weir-bench/1',
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-GB,en;q=0.9'
}
