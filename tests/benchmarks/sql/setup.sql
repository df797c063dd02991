-- Names for rows by client and number; uuids in the order in which they are made.
CREATE FUNCTION numbered(client int, number int) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT format('%s-0000-7000-8000-%s', lpad(to_hex(number), 8, '0'), lpad(to_hex(client), 12, '0'))::uuid
$$;
