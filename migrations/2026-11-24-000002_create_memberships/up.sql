-- Who belongs to which group: one row an edge, so that adding or removing a member costs the same in a group of any size.
CREATE TABLE memberships (
    tenant_id uuid NOT NULL,
    group_type text NOT NULL DEFAULT 'Group',
    group_id uuid NOT NULL,
    member_type text NOT NULL,
    member_id uuid NOT NULL,
    display text,
    comparable_display text,
    CONSTRAINT memberships_pkey PRIMARY KEY (tenant_id, group_id, member_id),
    CONSTRAINT memberships_of_groups CHECK (group_type = 'Group'),
    CONSTRAINT memberships_group FOREIGN KEY (tenant_id, group_type, group_id)
        REFERENCES resources (tenant_id, resource_type, id) ON DELETE CASCADE,
    CONSTRAINT memberships_member FOREIGN KEY (tenant_id, member_type, member_id)
        REFERENCES resources (tenant_id, resource_type, id) ON DELETE CASCADE
);
CREATE INDEX memberships_member_id ON memberships (tenant_id, member_id);
COMMENT ON TABLE memberships IS 'Group.members; User.groups follows from it. An edge ends with either of its ends.';
COMMENT ON COLUMN memberships.group_type IS 'Always Group; there for the foreign key.';
COMMENT ON COLUMN memberships.display IS 'The name of the member as the client last sent it, if it sent one.';
COMMENT ON COLUMN memberships.comparable_display IS 'The same in comparison form, which filters read.';
