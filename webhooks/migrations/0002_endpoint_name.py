from django.db import migrations, models

# The owner of the tables is under their policies too, and is no operator. Inside the migration's
# transaction, which locks both tables, it may see all rows.
NAME = """
ALTER TABLE webhooks_endpoint NO FORCE ROW LEVEL SECURITY;
ALTER TABLE workflows_workflow NO FORCE ROW LEVEL SECURITY;
UPDATE webhooks_endpoint e SET name = w.slug
FROM workflows_workflow w WHERE w.id = e.workflow_id;
ALTER TABLE workflows_workflow FORCE ROW LEVEL SECURITY;
ALTER TABLE webhooks_endpoint FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='endpoint',
            name='name',
            field=models.CharField(default='', help_text='for people; two may have the same', max_length=100),
            preserve_default=False,
        ),
        migrations.RunSQL(NAME, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='endpoint',
            name='options',
            field=models.JSONField(default=dict, help_text='of the schemes generic and twilio'),
        ),
    ]
