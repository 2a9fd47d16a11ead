/** SQL for a time inside a JSON document, in the one format of the API; by itself PostgreSQL writes it as in `+00:00`. */
export const utc = (time: string): string => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
