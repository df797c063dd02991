from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0007_egress"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenantlimits",
            name="running_executions",
            field=models.PositiveBigIntegerField(
                blank=True,
                help_text="Empty: the deployment's. 0: no limit.",
                null=True,
                verbose_name="executions at once",
            ),
        ),
    ]
