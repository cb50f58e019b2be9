-- People look for a user by how a name or an address begins. userName and externalId have their indexes; these are for the others, by
-- code point, so that a beginning is a range, and cut off, because an index entry has a largest size.
CREATE INDEX resources_display_name ON resources
    (tenant_id, resource_type, (left(comparable ->> 'displayName', 100)) COLLATE "C")
    WHERE comparable ->> 'displayName' IS NOT NULL;
CREATE INDEX resources_first_email ON resources
    (tenant_id, resource_type, (left(comparable #>> '{emails,0,value}', 100)) COLLATE "C")
    WHERE comparable #>> '{emails,0,value}' IS NOT NULL;
CREATE INDEX resources_second_email ON resources
    (tenant_id, resource_type, (left(comparable #>> '{emails,1,value}', 100)) COLLATE "C")
    WHERE comparable #>> '{emails,1,value}' IS NOT NULL;
